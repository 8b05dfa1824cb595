# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, ResNet-50, ImageNet, 1,281,167 images, a third augmentation.

The constraint comes from a third view of each image, not from its features in the previous epoch
(section 2.1). The paper found similar results, 30% slower.
"""

_base_ = "./imagenet_self.py"

model = dict(constraint="third", num_images=0)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crops = dict(
    recipe="resized_crop", size=224, num=1
)
