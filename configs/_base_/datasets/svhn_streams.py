# SPDX-License-Identifier: Apache-2.0
"""SVHN for Mean Teacher: 1 labeled and 99 unlabeled images per batch.

The unlabeled images are those without a label. The view is shifted by up to 2 px and not flipped.
A config sets the color statistics of SVHN in `model.data_preprocessor`.
"""

_base_ = "./cifar10_streams.py"

shift = [
    dict(type="Pad", padding=2, border_mode=4),  # mirrored
    dict(type="RandomCrop", height=32, width=32),
]
train_dataloader = dict(
    sampler=dict(labeled=1, unlabeled=99),
    dataset=dict(dataset=dict(type="SVHNDataset", data_root="data/svhn")),
)
val_dataloader = dict(dataset=dict(type="SVHNDataset", data_root="data/svhn"))
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(type="DrawViews", weak=shift)
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = dict(type="DrawViews", weak=shift)
del shift
