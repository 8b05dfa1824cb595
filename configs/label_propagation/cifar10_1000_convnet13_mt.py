# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13_mt.py"
model = dict(ramp=4_900, warmup=176_400)  # 5 and 180 passes
train_dataloader = dict(dataset=dict(split="1000_seed0"))
_base_.param_scheduler[0].stages = [176_400, 176_400]
train_cfg = dict(max_iters=352_800, val_interval=352_800)
