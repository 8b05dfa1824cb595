# SPDX-License-Identifier: Apache-2.0
"""Baseline and contrastive clustering loss, GoogLeNet, CUB-200-2011.

Includes the attention module. The chapter does not state whether its run did.
"""

_base_ = "../metric_learning/cub_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")),
    type="TACCCL",
    consistency_weight=0.0,
    feature_weight=0.0,
    pairs=False,
)
