# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(warmup=3_600)
train_dataloader = dict(dataset=dict(split="1000_seed0"))
_base_.param_scheduler[0].stages = [3_600, 176_400]
train_cfg = dict(max_iters=180_000, val_interval=180_000)
