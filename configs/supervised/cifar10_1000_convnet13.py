# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
train_dataloader = dict(dataset=dict(split="1000_seed0"))
_base_.param_scheduler[0].stages = [1_800]
train_cfg = dict(max_iters=1_800, val_interval=1_800)
