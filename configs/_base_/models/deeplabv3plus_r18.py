# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ on ResNet-18 from random weights, head of 128 channels: for small machines."""

_base_ = "./deeplabv3plus_r50.py"

model = dict(
    pretrained=None,
    student=dict(
        backbone=dict(depth=18, stem_channels=64),
        decode_head=dict(in_channels=512, channels=128, c1_in_channels=64),
    ),
)
