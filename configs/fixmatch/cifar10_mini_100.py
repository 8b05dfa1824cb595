# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="FixMatch",
    mix_source=None,
    average_losses=False,
    teacher=dict(momentum=0.005, warmup=9),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
