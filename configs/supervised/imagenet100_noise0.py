# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ResNet-50, ImageNet-100, 0% of the labels wrong."""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet100.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(num_classes=100)))
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=256, unlabeled=256, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
optim_wrapper = dict(optimizer=dict(lr=0.1))  # the usual; the baseline's was not published
