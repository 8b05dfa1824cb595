# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-50, PASCAL VOC blender, 1/4 (2,646) of 10,582 images labelled.

Run:   python tools/train.py configs/fixmatch/voc_blender_1_4.py
Paper: mIoU 75.1 (Table 2).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="1_4"))
