# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ConvNet-13, CIFAR-10, 1,000 labelled images."""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="SnowballMixMatch",
    ramp=2**14,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
    master=dict(momentum=0.001, warmup=True),
)
train_dataloader = dict(dataset=dict(split="1000_seed0"))
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        begin=2**18,
        length=2**16,
        select=dict(type="nearest_centres", keep="far", confident=10, share=0.5),
        network="master",
    ),
]
