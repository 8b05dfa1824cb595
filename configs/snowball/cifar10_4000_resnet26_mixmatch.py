# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ResNet-26, CIFAR-10, 4,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_4000_resnet26_mixmatch.py
Paper: error 4.78 +- 0.07 (Snowball, Table 2.5).
Ours:  not run.

Three doublings, as a fourth would ask for more images than there are; weight decay of the MixMatch
paper for networks of this size.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/snowball_mixmatch.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.discovery.sizes = (2, 4, 8)
model = _base_.pop("snowball")
train_dataloader = dict(dataset=dict(split="4000_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
