# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ConvNet-13, SVHN, 100 labelled images.

Run:   python tools/train.py configs/mean_teacher/svhn_100_convnet13.py
Paper: error 46.50 +- 10.12 (Snowball, Table 2.7).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/svhn_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    data_preprocessor=_base_.pop("pixels"),
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=3_690,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [132_840]
train_cfg = dict(max_iters=132_840, val_interval=132_840)
