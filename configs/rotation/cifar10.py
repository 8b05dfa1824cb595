# SPDX-License-Identifier: Apache-2.0
"""Rotation pretext, WRN-28-2, CIFAR-10, 50,000 images without labels.

Then run `python tools/train.py CONFIG --load-from work_dirs/rotation/cifar10/iter_78000.pth`.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/rotation.py",
    "../_base_/runtime_features.py",
]

model = dict(type="Rotation")
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=0, unlabeled=128),
    dataset=dict(empty="labeled", unlabeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = None
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
