# SPDX-License-Identifier: Apache-2.0
_base_ = "./cityscapes_1_16_r101_equal_length.py"
train_dataloader = dict(dataset=dict(split="1_4"))
