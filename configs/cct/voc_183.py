# SPDX-License-Identifier: Apache-2.0
"""CCT, DeepLabv3+ R-50, PASCAL VOC classic, 183 labelled images.

Run:   python tools/train.py configs/cct/voc_183.py
Paper: not in the paper.
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(dataset=dict(split="183"))
