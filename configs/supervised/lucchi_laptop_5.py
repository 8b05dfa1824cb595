# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, narrow DeepLabv3+ R-18, 5 of 165 Lucchi slices: minutes on two CPU cores."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow_em.py",
    "../_base_/datasets/lucchi_laptop.py",
    "../_base_/schedules/laptop.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="Supervised")
train_dataloader = dict(
    batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="even_5_seed0")
)
auto_scale_lr = dict(base_batch_size=4)
