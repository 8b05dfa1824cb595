# SPDX-License-Identifier: Apache-2.0
"""Cityscapes for patches of 14 px: crops of 798 px, 8 labeled and 8 unlabeled images."""

_base_ = "./cityscapes.py"

_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 798
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 798
