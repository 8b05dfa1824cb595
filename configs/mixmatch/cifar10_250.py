# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_250.py
Paper: error 11.08 +- 0.87 (LMCS, Tables 3.1 and 3.4).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("mixmatch")
train_dataloader = dict(dataset=dict(split="250_seed0"))
