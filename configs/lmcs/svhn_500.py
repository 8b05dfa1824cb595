# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_250.py"
train_dataloader = dict(dataset=dict(split="500_seed0"))
