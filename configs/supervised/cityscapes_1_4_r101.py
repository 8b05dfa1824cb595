# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-101, Cityscapes, 1/4 (744) of 2,975 images labelled.

Run:   python tools/train.py configs/supervised/cityscapes_1_4_r101.py
Paper: mIoU 75.0 (Table 3).
Ours:  not run.
"""

_base_ = "./cityscapes_1_16_r101.py"

train_dataloader = dict(dataset=dict(split="1_4"))
