# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250_convnet13.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"),
        decode_head=dict(
            weight_norm=False, in_channels=384, branches=dict(consistency=dict(weight_norm=False))
        ),
    ),
    ramp=2500,
)
train_dataloader = dict(batch_size=128, sampler=dict(labeled=31, unlabeled=97))
train_cfg = dict(max_iters=270_000, val_interval=270_000)
auto_scale_lr = dict(base_batch_size=128)
_base_.param_scheduler[0].stages = [90_000, *[15_000] * 12]
_base_.custom_hooks[-1].update(begin=90_000, length=15_000)
