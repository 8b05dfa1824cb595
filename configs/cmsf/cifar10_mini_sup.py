# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/cmsf/cifar10_mini_sup.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Its classifier is a linear probe that learns beside it and leaves it alone.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.projection.projection.update(hidden_channels=256, out_channels=128)
_base_.cmsf.update(constraint="label", free_share=0.0, k=10, memory_size=2048)
_base_.cmsf.predictor.hidden_channels = 256
_base_.cmsf.teacher.momentum = 0.02
model = dict(
    student=dict(decode_head=dict(probe=True, branches=_base_.pop("projection"))),
    predict_on="teacher",
    **_base_.pop("cmsf"),
)
train_dataloader = dict(
    sampler=dict(labeled=128, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "small_strong"
