# SPDX-License-Identifier: Apache-2.0
"""CIFAR-100 as label propagation takes it: 31 labelled and 97 unlabelled images in a batch."""

_base_ = "./cifar10_streams.py"

train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97),
    dataset=dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100")),
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
