# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-101, Cityscapes, 1/8 (372) of 2,975 images labelled.

Run:   python tools/train.py configs/fixmatch/cityscapes_1_8_r101.py
Paper: mIoU 76.2 (Table 3).
Ours:  not run.
"""

_base_ = "./cityscapes_1_16_r101.py"

train_dataloader = dict(dataset=dict(split="1_8"))
