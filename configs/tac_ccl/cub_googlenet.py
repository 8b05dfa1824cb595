# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 100 classes without labels.

Further Recall @2 68.8, @4 78.8, @8 87.2.

With pairs of different images, once this has run:

    python tools/match_images.py configs/tac_ccl/cub_googlenet.py CHECKPOINT --out matches.npz
    python tools/train.py configs/tac_ccl/cub_googlenet.py --work-dir DIR --cfg-options \
        train_dataloader.dataset.labeled_pipeline.1.matches=matches.npz
"""

_base_ = "../metric_learning/cub_googlenet.py"

model = dict(
    student=dict(neck=dict(in_channels=1024, type="CBAM")), type="TACCCL", consistency_weight=49.0
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(size=227, short=256, type="PairViews")
