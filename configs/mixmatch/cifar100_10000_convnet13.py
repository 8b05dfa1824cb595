# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ConvNet-13, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar100_10000_convnet13.py
Paper: error 32.95 +- 0.06 (Snowball, Table 2.4; LMCS, Table 3.3).
Ours:  not run.

The weight 150 is that of the MixMatch paper for CIFAR-100 and a wide network; for this one none is
published.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/cifar100_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.mixmatch.unlabeled_weight = 150.0
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100)),
    **_base_.pop("mixmatch"),
)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
