# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet, 1,281,167 images, 10 neighbors.

The classifier is a linear probe: it is trained at the same time and does not change the features.
"""

_base_ = [
    "../_base_/models/resnet50_cmsf.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(student=dict(decode_head=dict(probe=True)), k=10, constraint="label", free_share=0.0)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=256, unlabeled=256, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "moco_v2"
