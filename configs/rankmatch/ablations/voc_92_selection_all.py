# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: all positions are agents.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_selection_all.py
Paper: mIoU 69.8 (Table 5), orthogonal 71.6.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(selection="all"))
