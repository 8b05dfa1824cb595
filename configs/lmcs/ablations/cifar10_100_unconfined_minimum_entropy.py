# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_100.py"
_base_.custom_hooks[-1].update(sizes=(5,), generations=1, length=2**17)
_base_.custom_hooks[-1].select.rule = "unconfined_minimum_entropy"  # most certain
