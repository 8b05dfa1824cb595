# SPDX-License-Identifier: Apache-2.0
"""LMCS from a network that tells rotations, WRN-28-2, CIFAR-10, 250 labelled images.

First run configs/rotation/cifar10.py. From random weights the paper has 10.52.
"""

_base_ = "../cifar10_250.py"

load_from = "work_dirs/rotation/cifar10/iter_78000.pth"
