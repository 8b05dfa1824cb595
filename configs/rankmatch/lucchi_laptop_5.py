# SPDX-License-Identifier: Apache-2.0
"""RankMatch, narrow DeepLabv3+ R-18, Lucchi mitochondria, 5 labelled slices of 165.

From random weights, a few minutes on two CPU cores. The unsupervised terms wait for 30% of the
iterations and then ramp in. Evaluated is an average of the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow_em.py",
    "../_base_/datasets/lucchi_laptop.py",
    "../_base_/schedules/laptop.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="RankMatch", warmup=240, ramp=80, rank=dict(num_agents=32))
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
