# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 with the ImageNet stem from random weights, 100 classes of images of 84 px."""

_base_ = "./wrn28_2.py"

model = dict(
    data_preprocessor=dict(  # of the training images of mini-ImageNet
        mean=[120.4, 115.6, 104.5], std=[70.7, 68.3, 72.5]
    ),
    student=dict(
        backbone=dict(type="ResNet", depth=18),
        decode_head=dict(in_channels=512, num_classes=100),
    ),
)
