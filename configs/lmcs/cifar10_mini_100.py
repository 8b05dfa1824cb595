# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/lmcs/cifar10_mini_100.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Weights and iterations are those of MixMatch there, which this adds to; discoveries come when those
of Snowball come. Classes come by turns, each with the nearest tenth of its images confined: of
networks that supervision and FixMatch leave after 3,000 iterations 5 of 10 labels are wrong within
the nearest tenth of all, 6 within the nearest fifth.
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
_base_.discovery.update(begin=1000, length=500)
_base_.discovery.select.update(share=0.1, balanced=True)
model = dict(
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0", include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
