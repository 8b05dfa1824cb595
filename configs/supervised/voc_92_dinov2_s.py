# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DPT on DINOv2-S, PASCAL VOC classic, 92 labeled images."""

_base_ = [
    "../_base_/models/dpt_dinov2_s.py",
    "../_base_/datasets/voc_518.py",
    "../_base_/schedules/dinov2_voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=16, sampler=dict(labeled_only=True), dataset=dict(split="92"))
auto_scale_lr = dict(base_batch_size=16)
