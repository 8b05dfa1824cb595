# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ConvNet-13, CIFAR-10, 500 labelled images."""

_base_ = "./svhn_100_convnet13.py"

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
_base_.param_scheduler[0].stages = [178_200]
model = dict(ramp=4950)
train_dataloader = dict(
    sampler=dict(labeled=50, unlabeled=50),
    dataset=dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"), split="500_seed0"),
)
val_dataloader = dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"))
train_cfg = dict(max_iters=178_200, val_interval=178_200)
