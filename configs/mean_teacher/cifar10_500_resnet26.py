# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ResNet-26, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/mean_teacher/cifar10_500_resnet26.py
Paper: error 15.87 +- 0.10 (Snowball, Tables 2.6 and 2.11).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=2_550,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97),
    dataset=dict(split="500_seed0"),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [91_800]
train_cfg = dict(max_iters=91_800, val_interval=91_800)
auto_scale_lr = dict(base_batch_size=128)
