# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", teacher=dict(momentum=0.005, warmup=9), predict_on="teacher")
train_dataloader = dict(
    batch_size=32, sampler=dict(labeled_only=True), dataset=dict(split="100_seed0")
)
auto_scale_lr = dict(base_batch_size=32)
