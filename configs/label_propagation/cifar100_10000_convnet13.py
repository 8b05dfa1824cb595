# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13.py"
model = dict(warmup=58_065)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.param_scheduler[0].stages = [58_065, 74_160]
train_cfg = dict(max_iters=132_225, val_interval=132_225)
