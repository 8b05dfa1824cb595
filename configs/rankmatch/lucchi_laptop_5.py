# SPDX-License-Identifier: Apache-2.0
"""RankMatch, narrow DeepLabv3+ R-18, 5 of 165 Lucchi slices labeled: minutes on two CPU cores."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow_em.py",
    "../_base_/datasets/lucchi_laptop.py",
    "../_base_/schedules/laptop.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="RankMatch", warmup=240, ramp=80, rank=dict(num_agents=32))
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
