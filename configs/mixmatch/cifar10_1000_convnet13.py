# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ConvNet-13, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_1000_convnet13.py
Paper: error 9.08 +- 0.05 (Snowball, Table 2.4; LMCS, Table 3.3).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("mixmatch")
train_dataloader = dict(dataset=dict(split="1000_seed0"))
