# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, PASCAL VOC classic, 366 labelled images.

Run:   python tools/train.py configs/supervised/voc_366.py
Paper: mIoU 61.7 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="366"))
