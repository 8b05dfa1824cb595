# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-101, PASCAL VOC classic, 92 labelled images.

Run:   python tools/train.py configs/fixmatch/voc_92_r101.py
Paper: mIoU 63.9 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92.py"

model = dict(
    pretrained="data/pretrained/resnet101_deepstem.pth",
    student=dict(backbone=dict(depth=101)),
)
