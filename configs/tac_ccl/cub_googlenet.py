# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 100 classes without labels.

This is the full method, with pairs of different images (section 4.3.4). Train the baseline and
match its images first:

    python tools/train.py configs/metric_learning/cub_googlenet.py
    python tools/match_images.py configs/metric_learning/cub_googlenet.py CHECKPOINT

cub_googlenet_views.py needs no matches. It has only pairs of views of one image.
"""

_base_ = "../metric_learning/cub_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")), type="TACCCL", consistency_weight=49.0
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227,
    short=256,
    type="PairViews",
    matches="work_dirs/metric_learning/cub_googlenet/matches.npz",
)
