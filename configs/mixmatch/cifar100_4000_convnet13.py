# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_10000_convnet13.py"
train_dataloader = dict(dataset=dict(split="4000_seed0"))
