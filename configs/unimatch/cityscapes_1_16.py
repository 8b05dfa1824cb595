# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, Cityscapes, 1/16 (186) of 2,975 images labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50_cityscapes.py",
    "../_base_/datasets/cityscapes_mix.py",
    "../_base_/schedules/cityscapes.py",
    "../_base_/default_runtime.py",
]

model = dict(type="UniMatch", threshold=0.0, mix_source="same")
train_dataloader = dict(dataset=dict(split="1_16"))
