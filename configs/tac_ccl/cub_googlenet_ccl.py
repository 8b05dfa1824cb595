# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, CUB-200-2011.

Run:   python tools/train.py configs/tac_ccl/cub_googlenet_ccl.py
Paper: Recall@1 55.7 (TAC-CCL, Table 4.4).
Ours:  not run.

Further Recall @2 67.8, @4 77.5, @8 86.2.
The attention module is there, too; the chapter does not say whether it was.
"""

_base_ = ["../metric_learning/cub_googlenet.py", "../_base_/methods/tac_ccl.py"]

_base_.pop("pairs")
_base_.tac_ccl.update(consistency_weight=0.0, feature_weight=0.0, pairs=False)
model = dict(
    student=dict(neck=dict(in_channels=1024, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
