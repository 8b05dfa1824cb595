# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/lmcs/cifar10_mini_100.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Weights and iterations are those of MixMatch there, which this adds to. Of 3,900 images 390 are
confined and classes come by turns: with 780, networks that supervision and FixMatch leave after
3,000 iterations give 6 of 10 images a wrong label, with 390 5.
After the last discovery the student learns from 4 times as many labels as at first, as in Snowball.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/lmcs.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.lmcs.update(master_start=300, teacher=dict(momentum=0.005))
_base_.step.update(length=300)
_base_.discovery.update(begin=1200, length=600, sizes=(2, 4, 8))
_base_.discovery.select.update(share=0.1, balanced=True)
model = dict(
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0", include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
