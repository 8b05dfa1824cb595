# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-8, CIFAR-100, 400 labelled images."""

_base_ = "./cifar10_40.py"

_base_.model.data_preprocessor.mean[0] = 129.3
_base_.model.data_preprocessor.mean[1] = 124.1
_base_.model.data_preprocessor.mean[2] = 112.4
_base_.model.data_preprocessor.std[0] = 68.2
_base_.model.data_preprocessor.std[1] = 65.4
_base_.model.data_preprocessor.std[2] = 70.4
model = dict(
    student=dict(backbone=dict(width=8), decode_head=dict(in_channels=512, num_classes=100))
)
train_dataloader = dict(
    dataset=dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="400_seed0")
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
optim_wrapper = dict(optimizer=dict(weight_decay=0.001))
