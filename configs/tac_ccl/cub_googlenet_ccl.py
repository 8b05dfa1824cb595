# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, CUB-200-2011.

Further Recall @2 67.8, @4 77.5, @8 86.2.
The attention module is there, too; the chapter does not say whether it was.
"""

_base_ = "../metric_learning/cub_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")),
    type="TACCCL",
    consistency_weight=0.0,
    feature_weight=0.0,
    pairs=False,
)
