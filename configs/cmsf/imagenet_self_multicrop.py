# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, ResNet-50, ImageNet, 1,281,167 images, four more crops of 96 px.

Only the online network sees the small crops. Their scale is that of SwAV; CMSF does not state it.
"""

_base_ = "./imagenet_self.py"

model = dict(crops=4)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crops = dict(
    recipe="local_crop", size=96, num=4
)
