# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: rank loss weighted 0.2.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_weight_0.2.py
Paper: mIoU 71.2 (Table 8), weight 0.1 71.6.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(loss_weight=0.2))
