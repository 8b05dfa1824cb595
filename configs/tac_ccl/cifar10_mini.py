# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL without pairs of different images, a small CIFAR-10."""

_base_ = "./cifar10_mini_ccl.py"
model = dict(pairs=True, consistency_weight=4.9, feature_weight=0.01)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(size=32, shift=0.125, type="PairViews")
