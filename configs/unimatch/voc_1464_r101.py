# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-101, PASCAL VOC classic, 1464 labelled images.

Run:   python tools/train.py configs/unimatch/voc_1464_r101.py
Paper: mIoU 81.9 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="1464"))
