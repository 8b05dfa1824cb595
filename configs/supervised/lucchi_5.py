# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, Lucchi mitochondria, 5 of 165 slices labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/lucchi.py",
    "../_base_/schedules/lucchi.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(num_classes=2)))
train_dataloader = dict(
    batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="even_5_seed0")
)
auto_scale_lr = dict(base_batch_size=4)
