# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.param_scheduler[0].stages = [7_200]
train_cfg = dict(max_iters=7_200, val_interval=7_200)
