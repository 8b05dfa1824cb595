# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_100_mixmatch.py"
train_dataloader = dict(dataset=dict(split="250_seed0"))
