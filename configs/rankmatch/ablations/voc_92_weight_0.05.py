# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: rank loss weighted 0.05.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_weight_0.05.py
Paper: mIoU 70.8 (Table 8), weight 0.1 71.6.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(loss_weight=0.05))
