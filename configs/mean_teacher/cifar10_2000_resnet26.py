# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_resnet26.py"
model = dict(ramp=2_470)  # 5 passes
train_dataloader = dict(dataset=dict(split="2000_seed0"))
_base_.param_scheduler[0].stages = [88_920]
train_cfg = dict(max_iters=88_920, val_interval=88_920)
