# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, WRN-10-2, a small CIFAR-10.

Run:   python tools/train.py configs/tac_ccl/cifar10_mini_ccl.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = ["../metric_learning/cifar10_mini.py", "../_base_/methods/tac_ccl_scratch.py"]

_base_.pop("pairs")
_base_.tac_ccl.update(consistency_weight=0.0, feature_weight=0.0, pairs=False)
model = dict(
    student=dict(neck=dict(in_channels=128, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
