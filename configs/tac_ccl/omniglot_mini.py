# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, a narrow ResNet-18, a small Omniglot."""

_base_ = "../metric_learning/omniglot_mini.py"

model = dict(
    student=dict(neck=dict(in_channels=128, type="CBAM")),
    type="TACCCL",
    clustering_weight=0.03,
    consistency_weight=4.9,
    feature_weight=0.01,
    warmup=600,
    ramp=300,
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=56, short=64, flip=0.0, type="PairViews"
)
