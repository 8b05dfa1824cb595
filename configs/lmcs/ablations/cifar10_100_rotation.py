# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_100.py"
# first run configs/rotation/cifar10.py
load_from = "work_dirs/rotation/cifar10/iter_78000.pth"
