# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, CIFAR-10, 250 labeled images."""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MixMatch",
    ramp=2**14,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="250_seed0"))
