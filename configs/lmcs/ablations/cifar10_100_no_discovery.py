# SPDX-License-Identifier: Apache-2.0
"""LMCS without discovery, WRN-28-2, CIFAR-10, 100 labelled images.

Without the composition, too, it is MixMatch: error 21.70, configs/mixmatch/cifar10_100.py.
"""

_base_ = "../cifar10_100.py"

custom_hooks = _base_.custom_hooks[:-1]
