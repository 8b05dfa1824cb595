# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_2500.py"
train_dataloader = dict(dataset=dict(split="10000_seed0"))
