# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ConvNet-13, CIFAR-100, 10,000 labelled images.

The weight 150 is that of the MixMatch paper for CIFAR-100 and a wide network; for this one none is
published.
"""

_base_ = "./cifar10_1000_convnet13.py"

_base_.model.data_preprocessor.mean[0] = 129.3
_base_.model.data_preprocessor.mean[1] = 124.1
_base_.model.data_preprocessor.mean[2] = 112.4
_base_.model.data_preprocessor.std[0] = 68.2
_base_.model.data_preprocessor.std[1] = 65.4
_base_.model.data_preprocessor.std[2] = 70.4
model = dict(student=dict(decode_head=dict(num_classes=100)), unlabeled_weight=150.0)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="10000_seed0"
    )
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
