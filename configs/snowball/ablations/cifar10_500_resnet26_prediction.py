# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_500_resnet26.py"
_base_.custom_hooks[-1].select.type = "most_confident"  # by the predictions of its master
