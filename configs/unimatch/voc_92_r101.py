# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-101, PASCAL VOC classic, 92 labelled images."""

_base_ = "./voc_92.py"

model = dict(
    pretrained="data/pretrained/resnet101_deepstem.pth", student=dict(backbone=dict(depth=101))
)
