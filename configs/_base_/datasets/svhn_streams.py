# SPDX-License-Identifier: Apache-2.0
"""SVHN as Mean Teacher takes it: 1 labelled and 99 unlabelled images in a batch.

Unlabelled are the images that have no label. The view is moved by up to 2 pixels and not flipped.
Configs normalize by the statistics of SVHN, see `model.data_preprocessor`.
"""

_base_ = "./svhn.py"

moved = [
    dict(type="Pad", padding=2, border_mode=4),  # mirrored
    dict(type="RandomCrop", height=32, width=32),
]
train_dataloader = dict(
    batch_size=100, sampler=dict(labeled=1, unlabeled=99), dataset=dict(include_labeled=False)
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(type="DrawViews", weak=moved)
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = dict(type="DrawViews", weak=moved)
del moved
