# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, Cars-196.

Further Recall @2 55.6, @4 65.9, @8 75.7.
The attention module is there, too; the chapter does not say whether it was.
"""

_base_ = "../metric_learning/cars_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")),
    type="TACCCL",
    consistency_weight=0.0,
    feature_weight=0.0,
    pairs=False,
)
