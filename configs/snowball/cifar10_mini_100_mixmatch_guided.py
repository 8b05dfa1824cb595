# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, guided by the master, WRN-10-2, a small CIFAR-10, 100 labeled images.

The weight is ours. Not measured; the results are those of cifar10_mini_100_mixmatch.py.
"""

_base_ = "./cifar10_mini_100_mixmatch.py"

model = dict(master_weight=1.0)
