# SPDX-License-Identifier: Apache-2.0
_base_ = "./lucchi_5.py"
train_dataloader = dict(dataset=dict(split="even_10_seed0"))
