# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ResNet-26, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/mean_teacher/cifar100_10000_resnet26.py
Paper: error 28.38 +- 0.23 (Snowball, Table 2.3).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100, branches=_base_.pop("second"))),
    ramp=2_060,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [74_160]
train_cfg = dict(max_iters=74_160, val_interval=74_160)
auto_scale_lr = dict(base_batch_size=128)
