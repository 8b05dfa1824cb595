# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/sop_googlenet.py"
model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")),
    type="TACCCL",
    consistency_weight=0.0,
    feature_weight=0.0,
    pairs=False,
)
