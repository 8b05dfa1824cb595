# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, Lucchi mitochondria, 5 of 165 slices labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/lucchi.py",
    "../_base_/schedules/lucchi.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="UniMatch", student=dict(decode_head=dict(num_classes=2)), warmup=6000, ramp=2000)
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
