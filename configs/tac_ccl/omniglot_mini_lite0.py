# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL without pairs of different images, EfficientNet-Lite0, a small Omniglot."""

_base_ = "./omniglot_mini_lite0_ccl.py"
model = dict(pairs=True, consistency_weight=4.9, feature_weight=0.01)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=56, short=64, flip=0.0, type="PairViews"
)
