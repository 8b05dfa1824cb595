# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_40.py"
model = dict(bank_size=250)
train_dataloader = dict(dataset=dict(split="250_seed0"))
