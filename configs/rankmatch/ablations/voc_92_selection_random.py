# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, VOC classic, 92 labelled images, R-50: agents drawn at random."""

_base_ = "../voc_92.py"

model = dict(rank=dict(selection="random"))
