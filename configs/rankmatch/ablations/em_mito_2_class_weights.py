# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labelled sections, half-width R-18: class weights.

A mitochondrion pixel weighs as much as four of the background in the labelled loss.
"""

_base_ = "../em_mito_2.py"

model = dict(student=dict(decode_head=dict(loss_decode=dict(class_weight=[1.0, 4.0]))))
