# SPDX-License-Identifier: Apache-2.0
"""Snowball, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/snowball/cifar10_mini_100.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The 3,000 iterations of the other methods are parted: 1,000 of Mean Teacher, then 2 generations of 2
discoveries with 500 iterations each.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/methods/snowball.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.two_outputs.update(
    consistency_weight=30.0, whole_batch=False, teacher=dict(momentum=0.005, warmup=True)
)
_base_.snowball.update(master=dict(momentum=0.01, warmup=True))
_base_.discovery.update(begin=1000, length=500, sizes=(2, 4), generations=2)
# by a FixMatch network 40 of 100 labels wrong, 10 of each class; else 49, and 36 of one class
_base_.discovery.select.update(normalize=True, balanced=True)
model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=1000,
    track_pseudo_labels=True,
    **_base_.pop("snowball"),
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
