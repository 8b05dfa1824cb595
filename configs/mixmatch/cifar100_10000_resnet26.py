# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ResNet-26, CIFAR-100, 10,000 labelled images.

The number is of the MixMatch paper, whose network of this size is a WRN-28; weight decay and the
weight 150 as there.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/datasets/cifar100_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100)),
    type="MixMatch",
    unlabeled_weight=150.0,
    ramp=2**14,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
