# SPDX-License-Identifier: Apache-2.0
"""The same with DINOv2-B and a DPT head of twice the width."""

_base_ = "./voc_92_dinov2_s.py"

model = dict(
    student=dict(
        backbone=dict(model="vit_base_patch14_dinov2"),
        decode_head=dict(channels=128, level_channels=(96, 192, 384, 768)),
    )
)
