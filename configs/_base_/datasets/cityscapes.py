# SPDX-License-Identifier: Apache-2.0
"""Cityscapes with 19 classes, crops of 801 px. Otherwise as VOC."""

_base_ = "./voc.py"

train_dataloader = dict(
    dataset=dict(dataset=dict(type="CityscapesDataset", data_root="data/cityscapes"))
)
val_dataloader = dict(dataset=dict(type="CityscapesDataset", data_root="data/cityscapes"))
_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 801
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 801
