# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/simmatch/cifar10_mini_100.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/simmatch.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.simmatch.teacher = dict(momentum=0.005)
model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    bank_size=100,
    **_base_.pop("simmatch"),
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
