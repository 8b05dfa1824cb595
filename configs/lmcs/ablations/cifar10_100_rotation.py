# SPDX-License-Identifier: Apache-2.0
"""LMCS from a network that tells rotations, WRN-28-2, CIFAR-10, 100 labelled images.

First run configs/rotation/cifar10.py. From random weights the paper has 11.93.
"""

_base_ = "../cifar10_100.py"

load_from = "work_dirs/rotation/cifar10/iter_78000.pth"
