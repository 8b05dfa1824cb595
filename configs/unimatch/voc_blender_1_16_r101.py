# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-101, PASCAL VOC blender, 1/16 (662) of 10,582 images labelled.

Run:   python tools/train.py configs/unimatch/voc_blender_1_16_r101.py
Paper: mIoU 78.1 (Table 2).
Ours:  not run.
"""

_base_ = "./voc_92_r101.py"

train_dataloader = dict(dataset=dict(split="1_16"))
