# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_street.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="1_16"))
auto_scale_lr = dict(base_batch_size=4)
