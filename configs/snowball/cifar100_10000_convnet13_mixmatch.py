# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_convnet13_mixmatch.py"
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100)),
    unlabeled_weight=150.0,  # of the MixMatch paper for a wide network
)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="10000_seed0"
    )
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
_base_.custom_hooks[-1].sizes = (2, 4)  # a third doubling would need more images than there are
