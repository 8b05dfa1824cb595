# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, Cityscapes, 1/8 (372) of 2,975 images labelled.

Run:   python tools/train.py configs/supervised/cityscapes_1_8.py
Paper: mIoU 70.2 (Table 3).
Ours:  not run.
"""

_base_ = "./cityscapes_1_16.py"

train_dataloader = dict(dataset=dict(split="1_8"))
