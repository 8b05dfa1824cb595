# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ConvNet-13, CIFAR-100, 4,000 labelled images.

Run:   python tools/train.py configs/mean_teacher/cifar100_4000_convnet13.py
Paper: error 45.36 +- 0.49 (Label propagation, Table 3).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100, branches=_base_.pop("second"))),
    ramp=2_370,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [85_320]
train_cfg = dict(max_iters=85_320, val_interval=85_320)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
