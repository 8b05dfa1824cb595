# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Its classifier is a linear probe that learns beside it and leaves it alone.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(
        decode_head=dict(
            probe=True,
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=256,
                    out_channels=128,
                    norm=True,
                    normalize=False,
                )
            ),
        )
    ),
    predict_on="teacher",
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    memory_size=2048,
    k=10,
    constraint="label",
    free_share=0.0,
    teacher=dict(momentum=0.02, buffers=False),
)
train_dataloader = dict(
    sampler=dict(labeled=128, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "small_strong"
