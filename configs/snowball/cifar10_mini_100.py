# SPDX-License-Identifier: Apache-2.0
"""Snowball, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

The 3,000 iterations of the other methods are parted: 1,000 of Mean Teacher, then 2 generations of 2
discoveries with 500 iterations each.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

# by a FixMatch network 40 of 100 labels wrong, 10 of each class; else 49, and 36 of one class
model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=1000,
    track_pseudo_labels=True,
    type="Snowball",
    master=dict(momentum=0.01, warmup=True),
    consistency_weight=30.0,
    consistency_tap="decode_head.branches.consistency",
    teacher=dict(momentum=0.005, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        sizes=(2, 4),
        generations=2,
        select=dict(type="nearest_centres", normalize=True, balanced=True),
        network="master",
        begin=1000,
        length=500,
    ),
]
