# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_250.py
Paper: error 10.59 +- 0.41 (LMCS, Tables 3.1 and 3.4).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/lmcs.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="250_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
