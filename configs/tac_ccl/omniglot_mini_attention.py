# SPDX-License-Identifier: Apache-2.0
"""Baseline with the attention module of TAC-CCL, a narrow ResNet-18, a small Omniglot.

To tell what the losses do from what the module does.
"""

_base_ = "./omniglot_mini_ccl.py"

model = dict(clustering_weight=0.0)
