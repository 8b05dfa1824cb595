# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC blender, 1/4 (2,646) of 10,582 images labelled.

Run:   python tools/train.py configs/unimatch/voc_blender_1_4.py
Paper: mIoU 76.8 (Table 2).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="1_4"))
