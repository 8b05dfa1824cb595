# SPDX-License-Identifier: Apache-2.0
"""The Lucchi set, or your own stacks, in minutes: crops of 97 px, one worker.

The strong views have the blur of small images. A blur of 2 px would remove the folds that make a
mitochondrion recognizable.
"""

_base_ = "./lucchi.py"

crop = dict(
    type="RandomResizeCropFlip",
    crop_size=97,
    scale=(0.8, 1.25),
    antialias=False,  # as measured
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = crop
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = crop
_base_.train_dataloader.dataset.unlabeled_pipeline[2].transforms = [
    dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.0, hue=0.0, p=0.8),
    dict(type="GaussianBlur", sigma_limit=(0.1, 0.8), blur_limit=0, p=0.5),
]
del crop
train_dataloader = dict(num_workers=1)
val_dataloader = dict(num_workers=1)
