# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, DeepLabv3+ R-50, Lucchi mitochondria, 5 of 165 slices labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/lucchi.py",
    "../_base_/schedules/lucchi.py",
    "../_base_/runtime_foreground.py",
]

model = dict(
    type="MeanTeacher",
    student=dict(decode_head=dict(num_classes=2)),
    teacher=dict(momentum=0.01, warmup=True),
    predict_on="teacher",
    consistency_weight=2.0,
    warmup=6000,
    ramp=2000,
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
