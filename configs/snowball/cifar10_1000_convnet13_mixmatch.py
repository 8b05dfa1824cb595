# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ConvNet-13, CIFAR-10, 1,000 labeled images."""

_base_ = "../mixmatch/cifar10_1000_convnet13.py"

model = dict(type="SnowballMixMatch", master=dict(momentum=0.001, warmup=True))
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        begin=2**18,
        length=2**16,
        select=dict(type="nearest_centers", keep="far", confident=10, share=0.5),
        network="master",
    ),
]
