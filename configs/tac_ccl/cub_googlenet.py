# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 100 classes without labels.

To train with pairs of different images, see configs/README_embeddings.md.
"""

_base_ = "../metric_learning/cub_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")), type="TACCCL", consistency_weight=49.0
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(size=227, short=256, type="PairViews")
