# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 1464 labelled images, R-50: agent correlation without ranks.

Run:   python tools/train.py configs/rankmatch/ablations/voc_1464_correlation.py
Paper: mIoU 79.5 (Table 4), UniMatch alone 79.3.
Ours:  not run.
"""

_base_ = "../voc_1464.py"

model = dict(rank=dict(consistency="kl"))
