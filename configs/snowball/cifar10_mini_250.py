# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_100.py"
train_dataloader = dict(dataset=dict(split="250_seed0"))
