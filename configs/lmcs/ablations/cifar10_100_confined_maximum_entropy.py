# SPDX-License-Identifier: Apache-2.0
"""LMCS, CIFAR-10, 100 labeled and 400 discovered images: confined, least certain.

The student learns from the discovered images only through the master, which is one discovery ahead
(eq. 3.13).
"""

_base_ = "../cifar10_100.py"

_base_.custom_hooks[-1].update(sizes=(5,), generations=1, length=2**17)
