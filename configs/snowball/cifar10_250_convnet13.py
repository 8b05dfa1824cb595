# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_100_convnet13.py"
model = dict(
    data_preprocessor=dict(mean=[125.3, 123.0, 113.9], std=[63.0, 62.1, 66.7]),
    ramp=4950,
    consistency_weight=100.0,
    labeled_consistency=True,
)
train_dataloader = dict(
    sampler=dict(labeled=50, unlabeled=50),
    dataset=dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"), split="250_seed0"),
)
val_dataloader = dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"))
train_cfg = dict(max_iters=540_000, val_interval=540_000)
_base_.train_dataloader.dataset.labeled_pipeline[1].update(weak="flip_crop", size=32)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(weak="flip_crop", size=32)
_base_.param_scheduler[0].stages = [180_000, *[30_000] * 12]
_base_.custom_hooks[-1].update(begin=180_000, length=30_000)
