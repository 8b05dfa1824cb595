# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13_mt.py"
model = dict(ramp=2_060, warmup=74_160)  # 5 and 180 passes
train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.param_scheduler[0].stages = [74_160, 74_160]
train_cfg = dict(max_iters=148_320, val_interval=148_320)
