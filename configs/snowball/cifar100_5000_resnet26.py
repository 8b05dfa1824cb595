# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250_resnet26.py"
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100)),
    ramp=2300,
)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="5000_seed0"
    )
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
train_cfg = dict(max_iters=208_000, val_interval=208_000)
_base_.param_scheduler[0].stages = [82_000, *[14_000] * 9]
_base_.custom_hooks[-1].update(begin=82_000, length=14_000, sizes=(2, 4, 8))
