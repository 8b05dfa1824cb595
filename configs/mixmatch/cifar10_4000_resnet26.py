# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ResNet-26, CIFAR-10, 4,000 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_4000_resnet26.py
Paper: error 4.95 +- 0.08 (Snowball, Table 2.5).
Ours:  not run.

The number is of the MixMatch paper, whose network of this size is a WRN-28; weight decay as there.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("mixmatch")
train_dataloader = dict(dataset=dict(split="4000_seed0"))
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
