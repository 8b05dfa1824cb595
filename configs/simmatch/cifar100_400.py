# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-8, CIFAR-100, 400 labelled images.

Run:   python tools/train.py configs/simmatch/cifar100_400.py
Paper: top-1 62.19 +- 2.21 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_8.py",
    "../_base_/methods/simmatch.py",
    "../_base_/datasets/cifar100.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    bank_size=400,
    **_base_.pop("simmatch"),
)
train_dataloader = dict(dataset=dict(split="400_seed0"))
optim_wrapper = dict(optimizer=dict(weight_decay=1e-3))
