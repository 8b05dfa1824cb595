# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_400.py"
model = dict(bank_size=10000)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
