# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/sop_resnet18.py"
model = dict(
    student=dict(neck=dict(in_channels=512, type="CBAM")),
    type="TACCCL",
    clustering_weight=0.03,  # the smaller weights and the warm-up of 20 passes are ours
    consistency_weight=4.9,
    feature_weight=0.01,
    warmup=14_880,
    ramp=7440,
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227,
    short=256,
    type="PairViews",
    matches="work_dirs/metric_learning/sop_resnet18/matches.npz",
)
