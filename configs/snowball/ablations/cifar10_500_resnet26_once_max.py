# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_500_resnet26_once.py"
_base_.custom_hooks[-1].select.keep = "max"  # the farthest images
