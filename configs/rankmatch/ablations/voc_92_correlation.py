# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: agent correlation without ranks.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_correlation.py
Paper: mIoU 70.3 (Table 4), UniMatch alone 67.4.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(consistency="kl"))
