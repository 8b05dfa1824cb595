# SPDX-License-Identifier: Apache-2.0
"""Swin-T with a UPerNet head of 128 channels.

`pretrained` can be a file of Swin-T weights with the names of MMSegmentation.
"""

_base_ = "./camvid_1_16_segformer_b0.py"

model = dict(
    student=dict(
        backbone=dict(_delete_=True, type="SwinTransformer", drop_path_rate=0.3),
        decode_head=dict(type="UPerHead", in_channels=[96, 192, 384, 768], channels=128),
    )
)
