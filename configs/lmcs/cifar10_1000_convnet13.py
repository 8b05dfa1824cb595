# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-10, 1,000 labelled images."""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar10_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    feature_part=["backbone.stage1", "backbone.stage2"],
    channels=256,
    type="LMCS",
    ramp=2**14,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
    master_start=10_240,
)
train_dataloader = dict(dataset=dict(split="1000_seed0"))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="CompositionHook", length=10_240),
    dict(
        type="DiscoveryHook",
        begin=2**18,
        length=2**17,
        sizes=(2, 4, 8, 10),
        generations=1,
        select=dict(type="critical_samples", rule="confined_maximum_entropy", share=0.2, beta=0.1),
    ),
]
