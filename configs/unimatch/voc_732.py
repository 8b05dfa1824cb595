# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 732 labelled images.

Run:   python tools/train.py configs/unimatch/voc_732.py
Paper: mIoU 78.0 (Table 1).
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="732"))
