# SPDX-License-Identifier: Apache-2.0
"""RankMatch, half-width DeepLabv3+ R-18, 5 of 165 Lucchi slices labeled: also for a CPU."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/datasets/lucchi_small.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="RankMatch", warmup=900, ramp=300, rank=dict(num_agents=32))
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
