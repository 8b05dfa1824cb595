# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 100 labelled images and 400 discovered: confined, least certain.

The student learns of them through the master alone, which is one discovery ahead (eq. 3.13).
"""

_base_ = "../cifar10_100.py"

_base_.custom_hooks[-1].sizes = (5,)
