# SPDX-License-Identifier: Apache-2.0
"""The Lucchi set, or stacks of one's own, in minutes: crops of 97 px, one worker.

A microscope has one magnification, so sizes hardly vary. The blur of the strong views is that of
small images: one of 2 px would wipe out the folds by which a mitochondrion is known.
"""

_base_ = "./lucchi.py"

for _pipeline in ("labeled_pipeline", "unlabeled_pipeline"):
    _base_.train_dataloader.dataset[_pipeline][1] = dict(
        type="RandomResizeCropFlip", crop_size=97, scale=(0.8, 1.25)
    )
_base_.train_dataloader.dataset.unlabeled_pipeline[2].transforms = [
    dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.0, hue=0.0, p=0.8),
    dict(type="GaussianBlur", sigma_limit=(0.1, 0.8), blur_limit=0, p=0.5),
]
del _pipeline
train_dataloader = dict(num_workers=1)
val_dataloader = dict(num_workers=1)
