# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

The classifier is a linear probe: it is trained at the same time and does not change the features.
"""

_base_ = [
    "../_base_/models/wrn10_2_cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(decode_head=dict(probe=True)),
    predict_on="teacher",
    k=10,
    constraint="label",
    free_share=0.0,
)
train_dataloader = dict(
    sampler=dict(labeled=128, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "small_strong"
