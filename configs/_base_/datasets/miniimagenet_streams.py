# SPDX-License-Identifier: Apache-2.0
"""mini-ImageNet, images of 84 px, for label propagation: 31 labeled, 97 unlabeled images per batch.

The view is rotated by up to 10 degrees, shifted by up to 8 px and flipped.
"""

_base_ = "./cifar10_streams.py"

mini = dict(_delete_=True, type="ClassFolderDataset", data_root="data/miniimagenet")
weak = [
    dict(type="Rotate", limit=10, border_mode=0, p=1.0),
    dict(type="Pad", padding=8, border_mode=0),
    dict(type="RandomCrop", height=84, width=84),
    dict(type="HorizontalFlip", p=0.5),
]
train_dataloader = dict(
    batch_size=128, sampler=dict(labeled=31, unlabeled=97), dataset=dict(dataset=mini)
)
pipeline = _base_.val_dataloader.dataset.pipeline
val_dataloader = dict(dataset=dict(**mini, folder="test", pipeline=pipeline, test_mode=True))
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(type="DrawViews", weak=weak)
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = dict(type="DrawViews", weak=weak)
del mini, weak, pipeline
