# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-100, 5,000 labelled images.

About 180 passes of Mean Teacher, then 9 discoveries with 30 passes each. How long the paper trains
after a discovery is not published, nor its learning rate there: a cosine of its own, as here.
"""

_base_ = "./cifar10_250_resnet26.py"

_base_.model.data_preprocessor.mean[0] = 129.3
_base_.model.data_preprocessor.mean[1] = 124.1
_base_.model.data_preprocessor.mean[2] = 112.4
_base_.model.data_preprocessor.std[0] = 68.2
_base_.model.data_preprocessor.std[1] = 65.4
_base_.model.data_preprocessor.std[2] = 70.4
_base_.param_scheduler[0].stages = [
    82_000,
    14_000,
    14_000,
    14_000,
    14_000,
    14_000,
    14_000,
    14_000,
    14_000,
    14_000,
]
_base_.custom_hooks[5].sizes = (2, 4, 8)
_base_.custom_hooks[5].begin = 82_000
_base_.custom_hooks[5].length = 14_000
model = dict(student=dict(decode_head=dict(num_classes=100)), ramp=2300)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="5000_seed0"
    )
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
train_cfg = dict(max_iters=208_000, val_interval=208_000)
