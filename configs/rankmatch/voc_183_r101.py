# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-101, PASCAL VOC classic, 183 labelled images.

Run:   python tools/train.py configs/rankmatch/voc_183_r101.py
Paper: mIoU 77.6 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="183"))
