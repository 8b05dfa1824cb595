# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(ramp=4_600)  # 5 passes
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.param_scheduler[0].stages = [165_600]
train_cfg = dict(max_iters=165_600, val_interval=165_600)
