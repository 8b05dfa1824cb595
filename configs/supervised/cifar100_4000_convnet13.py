# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ConvNet-13, CIFAR-100, 4,000 labelled images."""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="Supervised",
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100, normalize=True)),
)
train_dataloader = dict(
    batch_size=128, sampler=dict(labeled=128, labeled_only=True), dataset=dict(split="4000_seed0")
)
_base_.param_scheduler[0].stages = [5_625]
train_cfg = dict(max_iters=5_625, val_interval=5_625)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
