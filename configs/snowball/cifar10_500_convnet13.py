# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250_convnet13.py"
train_dataloader = dict(dataset=dict(split="500_seed0"))
