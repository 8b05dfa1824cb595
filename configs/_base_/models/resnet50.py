# SPDX-License-Identifier: Apache-2.0
"""ResNet-50 from random weights, 1,000 classes of images of 224 px."""

_base_ = "./resnet18_84.py"

model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    student=dict(backbone=dict(depth=50), decode_head=dict(in_channels=2048, num_classes=1000)),
)
