# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13.py"
train_dataloader = dict(dataset=dict(split="5000_seed0"))
_base_.custom_hooks[-1].sizes = (2, 4, 8)  # ten times as many would be all there are
