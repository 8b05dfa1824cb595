# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ConvNet-13, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_1000_convnet13_mixmatch.py
Paper: error 8.86 +- 0.08 (Snowball, Table 2.4).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/snowball_mixmatch.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("snowball")
train_dataloader = dict(dataset=dict(split="1000_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
