# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_100_convnet13.py"
model = dict(
    data_preprocessor=dict(mean=[125.3, 123.0, 113.9], std=[63.0, 62.1, 66.7]),
    ramp=4950,
    consistency_weight=100.0,
)
train_dataloader = dict(
    sampler=dict(labeled=50, unlabeled=50),
    dataset=dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"), split="500_seed0"),
)
val_dataloader = dict(dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"))
train_cfg = dict(max_iters=178_200, val_interval=178_200)
_base_.train_dataloader.dataset.labeled_pipeline[1].update(weak="flip_crop", strong="weak", size=32)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(weak="flip_crop", size=32)
_base_.param_scheduler[0].stages = [178_200]
