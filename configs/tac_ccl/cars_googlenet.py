# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, Cars-196, 98 classes without labels.

Further Recall @2 56.9, @4 67.5, @8 76.7. Pairs of different images: see `cub_googlenet.py`.
"""

_base_ = "../metric_learning/cars_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")), type="TACCCL", consistency_weight=49.0
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(size=227, short=256, type="PairViews")
