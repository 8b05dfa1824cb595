# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250_resnet26.py"
train_dataloader = dict(dataset=dict(split="2000_seed0"))
