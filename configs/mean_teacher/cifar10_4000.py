# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250.py"
train_dataloader = dict(dataset=dict(split="4000_seed0"))
