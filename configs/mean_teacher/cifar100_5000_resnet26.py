# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_10000_resnet26.py"
model = dict(ramp=2_315)  # 5 passes
train_dataloader = dict(dataset=dict(split="5000_seed0"))
_base_.param_scheduler[0].stages = [83_340]
train_cfg = dict(max_iters=83_340, val_interval=83_340)
