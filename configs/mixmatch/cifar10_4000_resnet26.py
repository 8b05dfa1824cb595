# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ResNet-26, CIFAR-10, 4,000 labeled images.

The published number and the weight decay are those of the MixMatch paper, whose network of this
size is a WRN-28.
"""

_base_ = "./cifar10_250.py"

model = dict(student=dict(backbone=dict(type="ShakeShakeNet"), decode_head=dict(in_channels=384)))
train_dataloader = dict(dataset=dict(split="4000_seed0"))
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
