# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, ResNet-50, ImageNet, 1,281,167 images, 200 passes."""

_base_ = [
    "../_base_/models/resnet50_cmsf.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_features.py",
]

model = dict(num_images=1_281_167)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=0, unlabeled=256),
    dataset=dict(empty="labeled", unlabeled="", include_labeled=False),
)
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighborPurityHook", interval=5004)]  # a pass
