# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_100.py"
custom_hooks = _base_.custom_hooks[:-1]
