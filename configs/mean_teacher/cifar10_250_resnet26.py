# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_resnet26.py"
model = dict(ramp=2_560)  # 5 passes
train_dataloader = dict(dataset=dict(split="250_seed0"))
_base_.param_scheduler[0].stages = [92_160]
train_cfg = dict(max_iters=92_160, val_interval=92_160)
