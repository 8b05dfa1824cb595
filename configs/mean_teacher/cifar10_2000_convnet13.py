# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(ramp=4_800)  # 5 passes
train_dataloader = dict(dataset=dict(split="2000_seed0"))
_base_.param_scheduler[0].stages = [172_800]
train_cfg = dict(max_iters=172_800, val_interval=172_800)
