# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"),
        decode_head=dict(
            weight_norm=False, in_channels=384, branches=dict(consistency=dict(weight_norm=False))
        ),
    ),
    ramp=2060,
)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
train_cfg = dict(max_iters=74_160, val_interval=74_160)
optim_wrapper = dict(optimizer=dict(lr=0.05))
_base_.param_scheduler[0].stages = [74_160]
