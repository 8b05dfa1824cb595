# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, Cityscapes, 1/16 (186) of 2,975 images labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50_cityscapes.py",
    "../_base_/datasets/cityscapes.py",
    "../_base_/schedules/cityscapes.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=8, sampler=dict(labeled_only=True), dataset=dict(split="1_16"))
auto_scale_lr = dict(base_batch_size=8)
