# SPDX-License-Identifier: Apache-2.0
"""DINOv2-B (Apache-2.0, 346 MB) with a DPT head of twice the width. Otherwise as DINOv2-S."""

_base_ = "./dpt_dinov2_s.py"

model = dict(
    student=dict(
        backbone=dict(model="vit_base_patch14_dinov2"),
        decode_head=dict(channels=128, level_channels=(96, 192, 384, 768)),
    )
)
