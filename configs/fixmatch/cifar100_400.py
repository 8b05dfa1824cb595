# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-8, CIFAR-100, 400 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar100_400.py
Paper: top-1 51.15 +- 1.75 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_8.py",
    "../_base_/methods/fixmatch_classes.py",
    "../_base_/datasets/cifar100.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("fixmatch")
train_dataloader = dict(dataset=dict(split="400_seed0"))
optim_wrapper = dict(optimizer=dict(weight_decay=1e-3))
