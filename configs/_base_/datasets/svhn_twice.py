# SPDX-License-Identifier: Apache-2.0
"""SVHN as MixMatch takes it: 64 labelled images and two views of 64 unlabelled ones, moved only."""

_base_ = "./svhn.py"

train_dataloader = dict(
    batch_size=128, sampler=dict(unlabeled=64), dataset=dict(include_labeled=False)
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
