# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-101, PASCAL VOC blender, 1/8 (1,323) of 10,582 images labelled.

Run:   python tools/train.py configs/rankmatch/voc_blender_1_8_r101.py
Paper: mIoU 79.2 (Table 2).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="1_8"))
