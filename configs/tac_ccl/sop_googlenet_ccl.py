# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, Stanford Online Products.

Run:   python tools/train.py configs/tac_ccl/sop_googlenet_ccl.py
Paper: Recall@1 63.0 (TAC-CCL, Table 4.4).
Ours:  not run.

Further Recall @10 76.8, @100 87.2.
The attention module is there, too; the chapter does not say whether it was.
"""

_base_ = ["../metric_learning/sop_googlenet.py", "../_base_/methods/tac_ccl.py"]

_base_.pop("pairs")
_base_.tac_ccl.update(consistency_weight=0.0, feature_weight=0.0, pairs=False)
model = dict(
    student=dict(neck=dict(in_channels=1024, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
