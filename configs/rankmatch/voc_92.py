# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

UniMatch and one more loss, the rank-aware correlation of ASPP features with 128 agents.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="RankMatch")
train_dataloader = dict(dataset=dict(split="92"))
