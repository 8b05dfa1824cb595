# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-10, 250 labelled images.

About 180 passes of Mean Teacher, then 12 discoveries with 30 passes each. How long the paper trains
after a discovery is not published, nor its learning rate there: a cosine of its own, as here.
"""

_base_ = "./svhn_100_resnet26.py"

_base_.model.data_preprocessor.mean[0] = 125.3
_base_.model.data_preprocessor.mean[1] = 123.0
_base_.model.data_preprocessor.mean[2] = 113.9
_base_.model.data_preprocessor.std[0] = 63.0
_base_.model.data_preprocessor.std[1] = 62.1
_base_.model.data_preprocessor.std[2] = 66.7
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = "flip_crop"
_base_.train_dataloader.dataset.labeled_pipeline[1].size = 32
_base_.train_dataloader.dataset.unlabeled_pipeline[1].weak = "flip_crop"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].size = 32
_base_.param_scheduler[0].stages = [
    90_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
    15_000,
]
_base_.custom_hooks[5].begin = 90_000
_base_.custom_hooks[5].length = 15_000
model = dict(ramp=2500)
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97),
    dataset=dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"), split="250_seed0"),
)
val_dataloader = dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"))
train_cfg = dict(max_iters=270_000, val_interval=270_000)
auto_scale_lr = dict(base_batch_size=128)
