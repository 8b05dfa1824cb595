# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100)),
    warmup=5_625,
)
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97, labeled_batches=5_625),
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="4000_seed0"
    ),
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
train_cfg = dict(max_iters=90_945, val_interval=90_945)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
_base_.param_scheduler[0].stages = [5_625, 85_320]
