# SPDX-License-Identifier: Apache-2.0
"""The generated demo set in VOC layout with 7 classes: crops of 97 px.

The strong views are milder than those of the papers. In images of 120 x 160 px, a blur of 2 px
removes textures, and some classes differ only in hue.
"""

_base_ = "./camvid.py"

train_dataloader = dict(
    num_workers=1, dataset=dict(dataset=dict(data_root="data/demo/seed0"), split="few")
)
val_dataloader = dict(num_workers=1, dataset=dict(data_root="data/demo/seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 97
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 97
_base_.train_dataloader.dataset.unlabeled_pipeline[2].transforms = [
    dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.5, hue=0.08, p=0.8),
    dict(type="ToGray", p=0.2),
    dict(type="GaussianBlur", sigma_limit=(0.1, 0.8), blur_limit=0, p=0.5),
]
