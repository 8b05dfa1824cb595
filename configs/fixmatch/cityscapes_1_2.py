# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-50, Cityscapes, 1/2 (1,488) of 2,975 images labelled.

Run:   python tools/train.py configs/fixmatch/cityscapes_1_2.py
Paper: mIoU 78.2 (Table 3).
Ours:  not run.
"""

_base_ = "./cityscapes_1_16.py"

train_dataloader = dict(dataset=dict(split="1_2"))
