# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labelled sections, half-width R-18: class thresholds.

A pseudo-label counts from a confidence of 0.95 for background and of 0.8 for mitochondria.
"""

_base_ = "../em_mito_2.py"

model = dict(threshold=(0.95, 0.8))
