# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/cifar10_mini.py"
model = dict(
    student=dict(neck=dict(in_channels=128, type="CBAM")),
    type="TACCCL",
    clustering_weight=0.03,
    consistency_weight=0.0,
    feature_weight=0.0,
    warmup=600,
    ramp=300,
    pairs=False,
)
