# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_500_resnet26_once.py"
_base_.custom_hooks[-1].truth = True  # discovered images get their true label
_base_.custom_hooks[-1].select.keep = "random"  # random images
