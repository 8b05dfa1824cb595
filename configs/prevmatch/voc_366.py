# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92.py"
train_dataloader = dict(dataset=dict(split="366"))
