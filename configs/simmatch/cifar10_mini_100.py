# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(
        decode_head=dict(branches=dict(projection=dict(type="Projector", out_channels=128)))
    ),
    bank_size=100,
    type="SimMatch",
    bank_momentum=0.7,
    teacher=dict(momentum=0.005),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
