# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-101, Cityscapes, 1/16 (186) of 2,975 images labelled."""

_base_ = "./cityscapes_1_16.py"

model = dict(
    pretrained="data/pretrained/resnet101_deepstem.pth", student=dict(backbone=dict(depth=101))
)
