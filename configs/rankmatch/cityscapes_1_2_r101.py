# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-101, Cityscapes, 1/2 (1,488) of 2,975 images labelled.

Run:   python tools/train.py configs/rankmatch/cityscapes_1_2_r101.py
Paper: mIoU 80.7 (Table 3).
Ours:  not run.
"""

_base_ = "./cityscapes_1_16_r101.py"

train_dataloader = dict(dataset=dict(split="1_2"))
