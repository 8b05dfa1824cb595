# SPDX-License-Identifier: Apache-2.0
_base_ = "./ade20k_1_64_dinov2_b.py"
train_dataloader = dict(dataset=dict(split="1_8"))
