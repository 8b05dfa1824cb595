# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

UniMatch and one more loss, the rank-aware correlation of ASPP features with 128 agents.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc_mix.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="RankMatch", mix_source="same", rank=dict(num_agents=128))
train_dataloader = dict(dataset=dict(split="92"))
