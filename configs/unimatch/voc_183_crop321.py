# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92_crop321.py"
train_dataloader = dict(dataset=dict(split="183"))
