# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: squared difference of correlations.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_consistency_l2.py
Paper: mIoU 70.2 (Table 6), rank-aware 71.6.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(consistency="l2"))
