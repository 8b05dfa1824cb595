# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: rank loss weighted 0.2."""

_base_ = "../voc_92.py"

model = dict(rank=dict(loss_weight=0.2))
