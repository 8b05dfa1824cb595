# SPDX-License-Identifier: Apache-2.0
"""Baseline with the attention module of TAC-CCL, WRN-10-2, a small CIFAR-10.

To tell what the losses do from what the module does.
"""

_base_ = "./cifar10_mini_ccl.py"

model = dict(clustering_weight=0.0)
