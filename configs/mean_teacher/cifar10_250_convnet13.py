# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(ramp=4_975)  # 5 passes
train_dataloader = dict(dataset=dict(split="250_seed0"))
_base_.param_scheduler[0].stages = [179_100]
train_cfg = dict(max_iters=179_100, val_interval=179_100)
