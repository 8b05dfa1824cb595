# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92_r101_equal_length.py"
train_dataloader = dict(dataset=dict(split="1_4"))
