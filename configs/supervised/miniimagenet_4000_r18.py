# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ResNet-18, mini-ImageNet, 4,000 labeled images."""

_base_ = [
    "../_base_/models/resnet18_84.py",
    "../_base_/datasets/miniimagenet_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(normalize=True)))
train_dataloader = dict(
    batch_size=128, sampler=dict(labeled=128, labeled_only=True), dataset=dict(split="4000_seed0")
)
_base_.param_scheduler[0].stages = [5_625]
train_cfg = dict(max_iters=5_625, val_interval=5_625)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
