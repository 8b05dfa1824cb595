# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, guided by the master, ConvNet-13, CIFAR-10, 250 labeled images.

The weight is that of eq. 2.7, in which master and teacher count the same.
"""

_base_ = "./cifar10_250_convnet13_mixmatch.py"

model = dict(master_weight=1.0)
