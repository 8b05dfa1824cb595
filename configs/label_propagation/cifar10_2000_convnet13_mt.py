# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13_mt.py"
model = dict(ramp=4_800, warmup=172_800)  # 5 and 180 passes
train_dataloader = dict(dataset=dict(split="2000_seed0"))
_base_.param_scheduler[0].stages = [172_800, 172_800]
train_cfg = dict(max_iters=345_600, val_interval=345_600)
