# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ConvNet-13, CIFAR-10, 500 labeled images."""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(normalize=True)))
train_dataloader = dict(
    batch_size=100, sampler=dict(labeled=100, labeled_only=True), dataset=dict(split="500_seed0")
)
_base_.param_scheduler[0].stages = [900]
train_cfg = dict(max_iters=900, val_interval=900)
