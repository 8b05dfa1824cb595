# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-2, CIFAR-10, 40 labeled images."""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="FixMatch",
    mix_source=None,
    average_losses=False,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="40_seed0"))
