# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-101, PASCAL VOC classic, 732 labelled images.

Run:   python tools/train.py configs/supervised/voc_732_r101.py
Paper: mIoU 69.7 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="732"))
