# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ResNet-26, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar100_10000_resnet26_mixmatch.py
Paper: error 25.10 +- 0.15 (Snowball, Table 2.5).
Ours:  not run.

Two doublings, as a third would ask for more images than there are; weight decay and the weight 150
of the MixMatch paper for networks of this size.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/snowball_mixmatch.py",
    "../_base_/datasets/cifar100_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.snowball.unlabeled_weight = 150.0
_base_.discovery.sizes = (2, 4)
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100)),
    **_base_.pop("snowball"),
)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
