# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 183 labelled images.

Run:   python tools/train.py configs/unimatch/voc_183.py
Paper: mIoU 71.9 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="183"))
