# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_40.py"
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(backbone=dict(width=8), decode_head=dict(in_channels=512, num_classes=100)),
    bank_size=400,
)
train_dataloader = dict(
    dataset=dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="400_seed0")
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
optim_wrapper = dict(optimizer=dict(weight_decay=0.001))
