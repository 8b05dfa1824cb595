# SPDX-License-Identifier: Apache-2.0
"""LMCS without discovery, WRN-28-2, CIFAR-10, 80 labelled images.

Without the composition, too, it is MixMatch: error 26.52, configs/mixmatch/cifar10_80.py.
"""

_base_ = "../cifar10_80.py"

custom_hooks = _base_.custom_hooks[:-1]
