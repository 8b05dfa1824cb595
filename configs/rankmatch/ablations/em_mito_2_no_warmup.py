# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labelled sections, half-width R-18: no warm-up.

Run:   python tools/train.py configs/rankmatch/ablations/em_mito_2_no_warmup.py --data-root PATH
Paper: not in the paper, whose mitochondria are the Lucchi set (Table 9).
Ours:  see docs/results.md.

The unsupervised terms count from the first iteration on.
"""

_base_ = "../em_mito_2.py"

model = dict(warmup=0, ramp=0)
