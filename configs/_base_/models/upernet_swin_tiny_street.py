# SPDX-License-Identifier: Apache-2.0
"""Swin-T with a UPerNet head of 128 channels from random weights for 11 classes of streets.

The rest is as with SegFormer-B0. `pretrained` takes a file of Swin-T weights with mmseg's names.
"""

_base_ = "./segformer_b0_street.py"

model = dict(
    student=dict(
        backbone=dict(_delete_=True, type="SwinTransformer", drop_path_rate=0.3),
        decode_head=dict(type="UPerHead", in_channels=[96, 192, 384, 768], channels=128),
    )
)
