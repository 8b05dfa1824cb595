# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-2, CIFAR-10, 40 labelled images.

Run:   python tools/train.py configs/simmatch/cifar10_40.py
Paper: top-1 94.40 +- 1.37 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/simmatch.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    bank_size=40,
    **_base_.pop("simmatch"),
)
train_dataloader = dict(dataset=dict(split="40_seed0"))
