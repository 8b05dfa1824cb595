# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, Cityscapes, 1/16 (186) of 2,975 images labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50_cityscapes.py",
    "../_base_/datasets/cityscapes_mix.py",
    "../_base_/schedules/cityscapes.py",
    "../_base_/default_runtime.py",
]

model = dict(type="RankMatch", threshold=0.0, mix_source="same", rank=dict(num_agents=128))
train_dataloader = dict(dataset=dict(split="1_16"))
