# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: KL divergence of correlations.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_consistency_kl.py
Paper: mIoU 70.3 (Table 6), rank-aware 71.6.
Ours:  not run.
"""

_base_ = "./voc_92_correlation.py"
