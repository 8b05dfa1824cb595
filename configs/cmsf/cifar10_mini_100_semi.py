# SPDX-License-Identifier: Apache-2.0
"""CMSF, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Fine-tuning: cifar10_mini_100_finetune.py, then _again. 100 images are few steps in 10 passes, so
the classifier for pseudo-labels has 100, and a larger learning rate.
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
    classifier=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    bank_size=100,
    track_pseudo_labels=True,
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    memory_size=2048,
    k=10,
    constraint="label",
    free_share=0.0,
    teacher=dict(momentum=0.02, buffers=False),
)
train_dataloader = dict(
    sampler=dict(labeled=8, unlabeled=120),  # more would fill the memory with copies of 100 images
    dataset=dict(split="100_seed0", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "small_strong"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "small_strong"
custom_hooks = [*_base_.custom_hooks, dict(type="PseudoClassifierHook", epochs=100, lr=0.1)]
