# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250.py"
model = dict(student=dict(backbone=dict(type="ConvNet13"), decode_head=dict(weight_norm=True)))
train_dataloader = dict(dataset=dict(split="1000_seed0"))
