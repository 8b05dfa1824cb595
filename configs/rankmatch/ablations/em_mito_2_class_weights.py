# SPDX-License-Identifier: Apache-2.0
_base_ = "../em_mito_2.py"
# in the labeled loss, a mitochondrion pixel weighs as much as four of the background
model = dict(student=dict(decode_head=dict(loss_decode=dict(class_weight=[1.0, 4.0]))))
