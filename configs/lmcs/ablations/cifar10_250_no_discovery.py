# SPDX-License-Identifier: Apache-2.0
"""LMCS without discovery, WRN-28-2, CIFAR-10, 250 labelled images.

Without the composition, too, it is MixMatch: error 11.46, configs/mixmatch/cifar10_250.py.
"""

_base_ = "../cifar10_250.py"

custom_hooks = _base_.custom_hooks[:-1]
