# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 1464 labelled images, R-50: agent correlation without ranks."""

_base_ = "../voc_1464.py"

model = dict(rank=dict(consistency="kl"))
