# SPDX-License-Identifier: Apache-2.0
"""CIFAR-100, otherwise as CIFAR-10."""

_base_ = "./cifar10_twice.py"

train_dataloader = dict(
    dataset=dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
