# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_400.py"
model = dict(bank_size=2500)
train_dataloader = dict(dataset=dict(split="2500_seed0"))
