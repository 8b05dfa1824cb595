# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_convnet13_mixmatch.py"
train_dataloader = dict(dataset=dict(split="100_seed0"))
