# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-2, CIFAR-10, 40 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar10_40.py
Paper: top-1 86.19 +- 3.37 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/fixmatch_classes.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("fixmatch")
train_dataloader = dict(dataset=dict(split="40_seed0"))
