# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, ConvNet-13, CIFAR-100, 4,000 labelled images.

180 passes of Mean Teacher, then 180 with propagated labels as well.
"""

_base_ = "./cifar10_500_convnet13_mt.py"

_base_.model.data_preprocessor.mean[0] = 129.3
_base_.model.data_preprocessor.mean[1] = 124.1
_base_.model.data_preprocessor.mean[2] = 112.4
_base_.model.data_preprocessor.std[0] = 68.2
_base_.model.data_preprocessor.std[1] = 65.4
_base_.model.data_preprocessor.std[2] = 70.4
_base_.param_scheduler[0].stages = [85_320, 85_320]
model = dict(student=dict(decode_head=dict(num_classes=100)), ramp=2370, warmup=85_320)
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97),
    dataset=dict(
        dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"), split="4000_seed0"
    ),
)
val_dataloader = dict(dataset=dict(type="CIFAR100Dataset", data_root="data/cifar100"))
train_cfg = dict(max_iters=170_640, val_interval=170_640)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
