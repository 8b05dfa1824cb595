# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

The 3,000 iterations of the other methods are parted: 1,000 of MixMatch, then 2 generations of 2
discoveries with 500 iterations each. Of 3,900 images 390 are confident, not half of them, and
classes come by turns: the farthest of half get more wrong labels (7 of 10, by networks of
supervision and FixMatch) than images at random.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="SnowballMixMatch",
    ramp=2**14,
    teacher=dict(momentum=0.005, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
    master=dict(momentum=0.01, warmup=True),
)
train_dataloader = dict(dataset=dict(split="100_seed0", include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        begin=1000,
        length=500,
        sizes=(2, 4),
        generations=2,
        select=dict(type="nearest_centres", keep="far", confident=10, share=0.1, balanced=True),
        network="master",
    ),
]
