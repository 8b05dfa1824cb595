# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_100_convnet13.py"
model = dict(ramp=3_685)  # 5 passes
train_dataloader = dict(dataset=dict(split="250_seed0"))
_base_.param_scheduler[0].stages = [132_660]
train_cfg = dict(max_iters=132_660, val_interval=132_660)
