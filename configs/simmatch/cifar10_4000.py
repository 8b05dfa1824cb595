# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_40.py"
model = dict(bank_size=4000)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
