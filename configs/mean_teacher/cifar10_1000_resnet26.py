# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"),
        decode_head=dict(
            weight_norm=False, in_channels=384, branches=dict(consistency=dict(weight_norm=False))
        ),
    ),
    ramp=2525,
)
train_dataloader = dict(
    batch_size=128, sampler=dict(labeled=31, unlabeled=97), dataset=dict(split="1000_seed0")
)
train_cfg = dict(max_iters=90_900, val_interval=90_900)
auto_scale_lr = dict(base_batch_size=128)
_base_.param_scheduler[0].stages = [90_900]
