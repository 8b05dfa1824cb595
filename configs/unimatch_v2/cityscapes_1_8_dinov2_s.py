# SPDX-License-Identifier: Apache-2.0
_base_ = "./cityscapes_1_16_dinov2_s.py"
train_dataloader = dict(dataset=dict(split="1_8"))
