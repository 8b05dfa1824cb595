# SPDX-License-Identifier: Apache-2.0
"""A small CIFAR-10, 100 of 4,000 images labeled, EfficientNet-Lite0: all but the method."""

_base_ = [
    "../models/lite0_classes.py",
    "../datasets/cifar10_mini_96.py",
    "../schedules/mini_pretrained.py",
    "../runtime_classes.py",
]

train_dataloader = dict(dataset=dict(split="100_seed0"))
