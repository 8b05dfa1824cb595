# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(warmup=14_400)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.param_scheduler[0].stages = [14_400, 165_600]
train_cfg = dict(max_iters=180_000, val_interval=180_000)
