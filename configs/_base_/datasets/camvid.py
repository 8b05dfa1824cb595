# SPDX-License-Identifier: Apache-2.0
"""CamVid at half size with 11 classes: crops of 129 px, 4 labeled and 4 unlabeled images per batch.

The class names are read from DATA_ROOT/classes.txt. Images that shrink are not smoothed, as in the
tests of the sets derived from this one. All measured numbers are with this setting.
"""

_base_ = "./voc.py"

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(labeled=4, unlabeled=4),
    dataset=dict(dataset=dict(type="FolderDataset", data_root="data/camvid")),
)
val_dataloader = dict(dataset=dict(type="FolderDataset", data_root="data/camvid"))
val_evaluator = dict(per_class=True)
crop = dict(crop_size=129, scale=(0.75, 1.5), antialias=False)
_base_.train_dataloader.dataset.labeled_pipeline[1].update(crop)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(crop)
del crop
