# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DPT on DINOv2-S, COCO 2017, 1/512 (232) of 118,287 images labeled."""

_base_ = [
    "../_base_/models/dpt_dinov2_s.py",
    "../_base_/datasets/coco.py",
    "../_base_/schedules/dinov2_coco.py",
    "../_base_/default_runtime.py",
]

model = dict(type="UniMatchV2", student=dict(decode_head=dict(num_classes=81)))
train_dataloader = dict(dataset=dict(split="1_512"))
