# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13.py"
train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.param_scheduler[0].stages = [14_062]
train_cfg = dict(max_iters=14_062, val_interval=14_062)
