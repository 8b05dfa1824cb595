# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: 512 agents.

Run:   python tools/train.py configs/rankmatch/ablations/voc_92_agents_512.py
Paper: mIoU 69.9 (Table 7), 128 agents 71.6.
Ours:  not run.
"""

_base_ = "../voc_92.py"

model = dict(rank=dict(num_agents=512))
