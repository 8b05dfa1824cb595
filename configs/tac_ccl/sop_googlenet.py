# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/sop_googlenet.py"
model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")), type="TACCCL", consistency_weight=49.0
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227,
    short=256,
    type="PairViews",
    matches="work_dirs/metric_learning/sop_googlenet/matches.npz",
)
