# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images.

Run:   python tools/train.py configs/rankmatch/voc_92.py
Paper: mIoU 71.6 (Table 1).
Ours:  not run.

UniMatch and one loss: the rank-aware correlation of ASPP features with 128 agents.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/methods/rankmatch.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="RankMatch", threshold=0.95, **_base_.pop("rankmatch"))
train_dataloader = dict(dataset=dict(split="92"))
