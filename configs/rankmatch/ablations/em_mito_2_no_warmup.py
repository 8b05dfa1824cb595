# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labelled sections, half-width R-18: no warm-up.

The unsupervised terms count from the first iteration on.
"""

_base_ = "../em_mito_2.py"

model = dict(warmup=0, ramp=0)
