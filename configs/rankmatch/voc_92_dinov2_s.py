# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DPT on DINOv2-S, PASCAL VOC classic, 92 labeled images.

The rank loss compares fused features at twice the resolution of the patches, 74 x 74. Those at the
input of the classifier have sixteen times as many positions. An eighth of the positions would be
684 agents, which are chosen one after the other.
"""

_base_ = [
    "../_base_/models/dpt_dinov2_s.py",
    "../_base_/datasets/voc_518.py",
    "../_base_/schedules/dinov2_voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="RankMatch", feature_tap="decode_head.fusions.2", rank=dict(num_agents=128))
train_dataloader = dict(dataset=dict(split="92"))
