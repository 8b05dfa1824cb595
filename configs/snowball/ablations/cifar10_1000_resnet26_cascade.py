# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_1000_resnet26.py"
_base_.custom_hooks[-1].past = 2  # and the current features: three iterations
_base_.custom_hooks[-1].select.fuse = "cascade"  # joined features
