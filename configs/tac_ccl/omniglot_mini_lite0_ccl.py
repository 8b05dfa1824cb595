# SPDX-License-Identifier: Apache-2.0
"""Metric learning with contrastive clustering, EfficientNet-Lite0, a small Omniglot."""

_base_ = "../metric_learning/omniglot_mini_lite0.py"
model = dict(
    student=dict(neck=dict(in_channels=112, type="CBAM")),
    type="TACCCL",
    clustering_weight=0.03,
    consistency_weight=0.0,
    feature_weight=0.0,
    warmup=70,
    ramp=30,
    pairs=False,
)
