# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DPT on DINOv2-S, ADE20K, 1/64 (316) of 20,210 images labeled.

The encoder is trained, as in the logs of the published numbers. The released config freezes it
(`lock_backbone: True`).
"""

_base_ = [
    "../_base_/models/dpt_dinov2_s.py",
    "../_base_/datasets/ade20k.py",
    "../_base_/schedules/dinov2_ade20k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="UniMatchV2",
    student=dict(decode_head=dict(num_classes=150)),
)
train_dataloader = dict(dataset=dict(split="1_64"))
