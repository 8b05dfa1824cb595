# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC 2012 for patches of 14 px: crops of 518 px, 16 labeled and 16 unlabeled images."""

_base_ = "./voc.py"

train_dataloader = dict(batch_size=32, sampler=dict(labeled=16, unlabeled=16))
_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 518
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 518
