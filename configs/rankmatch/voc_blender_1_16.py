# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC blender, 1/16 (662) of 10,582 images labelled.

Run:   python tools/train.py configs/rankmatch/voc_blender_1_16.py
Paper: mIoU 76.6 (Table 2).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="1_16"))
