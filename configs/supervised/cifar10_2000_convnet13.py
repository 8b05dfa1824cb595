# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
train_dataloader = dict(dataset=dict(split="2000_seed0"))
_base_.param_scheduler[0].stages = [3_600]
train_cfg = dict(max_iters=3_600, val_interval=3_600)
