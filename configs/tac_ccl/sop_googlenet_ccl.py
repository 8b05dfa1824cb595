# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, Stanford Online Products.

Further Recall @10 76.8, @100 87.2.
The attention module is there, too; the chapter does not say whether it was.
"""

_base_ = "../metric_learning/sop_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")),
    type="TACCCL",
    consistency_weight=0.0,
    feature_weight=0.0,
    pairs=False,
)
