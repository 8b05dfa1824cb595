# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-101, PASCAL VOC classic, 366 labelled images.

Run:   python tools/train.py configs/unimatch/voc_366_r101.py
Paper: mIoU 78.7 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="366"))
