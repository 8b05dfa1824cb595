# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ResNet-26, CIFAR-100, 10,000 labelled images."""

_base_ = "./cifar10_1000_resnet26.py"

_base_.model.data_preprocessor.mean[0] = 129.3
_base_.model.data_preprocessor.mean[1] = 124.1
_base_.model.data_preprocessor.mean[2] = 112.4
_base_.model.data_preprocessor.std[0] = 68.2
_base_.model.data_preprocessor.std[1] = 65.4
_base_.model.data_preprocessor.std[2] = 70.4
_base_.param_scheduler[0].stages = [74_160]
model = dict(student=dict(decode_head=dict(num_classes=100)), ramp=2060)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="10000_seed0"
    )
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
train_cfg = dict(max_iters=74_160, val_interval=74_160)
