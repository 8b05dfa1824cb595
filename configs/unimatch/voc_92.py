# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc_mix.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="UniMatch", mix_source="same")
train_dataloader = dict(dataset=dict(split="92"))
