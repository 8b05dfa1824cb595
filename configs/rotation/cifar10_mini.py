# SPDX-License-Identifier: Apache-2.0
"""Rotation pretext, WRN-10-2, a small CIFAR-10, 4,000 images without labels."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_features.py",
]

model = dict(type="Rotation")
train_dataloader = dict(
    batch_size=32,  # each image in four rotations
    sampler=dict(labeled=0, unlabeled=32),
    dataset=dict(empty="labeled", unlabeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = None
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
