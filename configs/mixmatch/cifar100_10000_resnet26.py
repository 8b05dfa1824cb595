# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ResNet-26, CIFAR-100, 10,000 labeled images.

The published number, the weight decay and the weight 150 are those of the MixMatch paper, whose
network of this size is a WRN-28.
"""

_base_ = "./cifar100_10000_convnet13.py"

model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"), decode_head=dict(weight_norm=False, in_channels=384)
    )
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
