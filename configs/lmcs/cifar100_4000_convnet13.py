# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-100, 4,000 labelled images.

Run:   python tools/train.py configs/lmcs/cifar100_4000_convnet13.py
Paper: error 38.82 +- 0.16 (LMCS, Table 3.7).
Ours:  not run.

The weight 150 of unlabelled images is that of the MixMatch paper for CIFAR-100 and a wide network;
for this one none is published.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/lmcs.py",
    "../_base_/datasets/cifar100_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.lmcs.unlabeled_weight = 150.0
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100)),
    feature_part=["backbone.stage1", "backbone.stage2"],
    channels=256,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
