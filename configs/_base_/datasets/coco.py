# SPDX-License-Identifier: Apache-2.0
"""COCO 2017 with 81 classes: crops of 518 px, 16 labeled and 16 unlabeled images per batch."""

_base_ = "./voc_518.py"

train_dataloader = dict(dataset=dict(dataset=dict(type="COCODataset", data_root="data/coco")))
val_dataloader = dict(dataset=dict(type="COCODataset", data_root="data/coco"))
