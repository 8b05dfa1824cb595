# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ResNet-26, CIFAR-10, 4,000 labelled images.

Three doublings, as a fourth would ask for more images than there are; weight decay of the MixMatch
paper for networks of this size.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
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
train_dataloader = dict(dataset=dict(split="4000_seed0"))
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        begin=2**18,
        length=2**16,
        sizes=(2, 4, 8),
        select=dict(type="nearest_centres", keep="far", confident=10, share=0.5),
        network="master",
    ),
]
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
