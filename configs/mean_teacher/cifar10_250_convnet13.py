# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ConvNet-13, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/mean_teacher/cifar10_250_convnet13.py
Paper: error 51.79 +- 2.13 (Snowball, Table 2.6).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=4_975,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="250_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [179_100]
train_cfg = dict(max_iters=179_100, val_interval=179_100)
