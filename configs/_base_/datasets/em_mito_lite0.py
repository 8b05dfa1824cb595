# SPDX-License-Identifier: Apache-2.0
"""Mitochondria for a pretrained encoder: strong views change brightness less than those of photos.

The images are gray, and it is the brightness that tells a mitochondrion from its surroundings.
"""

_base_ = "./em_mito.py"

train_dataloader = dict(num_workers=1)
val_dataloader = dict(num_workers=1)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].transforms = [
    dict(type="RandomBrightnessContrast", brightness_limit=0.25, contrast_limit=0.25, p=0.8),
    dict(type="GaussianBlur", sigma_limit=(0.1, 1.5), blur_limit=0, p=0.5),
]
