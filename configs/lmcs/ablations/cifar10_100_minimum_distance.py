# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_100.py"
_base_.custom_hooks[-1].sizes = (5,)
_base_.custom_hooks[-1].select.rule = "minimum_distance"  # nearest
