# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled.

Discoveries come when those of Snowball do. Classes take turns, and the nearest tenth of the images
of each class is confined. With networks of supervised-only and FixMatch after 3,000 iterations, 5
of 10 labels are wrong within the nearest tenth of all images, and 6 within the nearest fifth.
"""

_base_ = "../mixmatch/cifar10_mini_100.py"

model = dict(
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    type="LMCS",
    master_start=300,
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="CompositionHook", length=300),
    dict(
        type="DiscoveryHook",
        begin=1000,
        length=500,
        sizes=(2, 4, 8, 10),
        generations=1,
        select=dict(
            type="critical_samples",
            rule="confined_maximum_entropy",
            share=0.1,
            beta=0.1,
            balanced=True,
        ),
    ),
]
