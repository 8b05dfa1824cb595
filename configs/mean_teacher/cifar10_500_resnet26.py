# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_resnet26.py"
model = dict(ramp=2_550)  # 5 passes
train_dataloader = dict(dataset=dict(split="500_seed0"))
_base_.param_scheduler[0].stages = [91_800]
train_cfg = dict(max_iters=91_800, val_interval=91_800)
