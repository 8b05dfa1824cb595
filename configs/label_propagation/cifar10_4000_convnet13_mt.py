# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13_mt.py"
model = dict(ramp=4_600, warmup=165_600)  # 5 and 180 passes
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.param_scheduler[0].stages = [165_600, 165_600]
train_cfg = dict(max_iters=331_200, val_interval=331_200)
