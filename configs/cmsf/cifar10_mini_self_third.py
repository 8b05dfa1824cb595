# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, WRN-10-2, a small CIFAR-10, 4,000 images, a third augmentation."""

_base_ = "./cifar10_mini_self.py"

model = dict(constraint="third", num_images=0)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crops = dict(
    recipe="flip_crop", size=32, num=1
)
