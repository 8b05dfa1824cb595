# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled.

1,000 iterations of MixMatch, then 2 generations of 2 discoveries with 500 iterations each. Of 3,900
images, 390 are confident, not half of them, and classes take turns: the farthest images of half of
them get more wrong labels (7 of 10, by networks of supervised-only and FixMatch) than random ones.
"""

_base_ = "../mixmatch/cifar10_mini_100.py"

model = dict(type="SnowballMixMatch", master=dict(momentum=0.01, warmup=True))
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        begin=1000,
        length=500,
        sizes=(2, 4),
        generations=2,
        select=dict(type="nearest_centers", keep="far", confident=10, share=0.1, balanced=True),
        network="master",
    ),
]
