# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-101, PASCAL VOC classic, 183 labelled images.

Run:   python tools/train.py configs/supervised/voc_183_r101.py
Paper: mIoU 55.3 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="183"))
