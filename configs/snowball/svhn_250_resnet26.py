# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_100_resnet26.py"
train_dataloader = dict(dataset=dict(split="250_seed0"))
