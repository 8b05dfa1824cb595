# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-2, CIFAR-10, 40 labeled images."""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(
        decode_head=dict(branches=dict(projection=dict(type="Projector", out_channels=128)))
    ),
    bank_size=40,
    type="SimMatch",
    bank_momentum=0.7,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="40_seed0"))
