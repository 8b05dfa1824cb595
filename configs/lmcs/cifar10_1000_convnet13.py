# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_1000_convnet13.py
Paper: error 8.74 +- 0.20 (LMCS, Table 3.3).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/lmcs.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    feature_part=["backbone.stage1", "backbone.stage2"],
    channels=256,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="1000_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
