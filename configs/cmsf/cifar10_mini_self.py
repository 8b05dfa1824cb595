# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, WRN-10-2, a small CIFAR-10, 4,000 images."""

_base_ = [
    "../_base_/models/wrn10_2_cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_features.py",
]

model = dict(num_images=4000)
train_dataloader = dict(
    sampler=dict(labeled=0, unlabeled=128), dataset=dict(empty="labeled", unlabeled="")
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "small_strong"
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighborPurityHook", interval=150)]
