# SPDX-License-Identifier: Apache-2.0
"""SimMatch, ResNet-50, ImageNet, 1% (13,000) of the images labelled.

Run:   python tools/train.py configs/simmatch/imagenet_1pct.py
Paper: top-1 67.2 (SimMatch, Table 2).
Ours:  not run.

The student-teacher version. 13 labelled images of every class; for another list set
model.bank_size to its length.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/methods/simmatch.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/simmatch_imagenet.py",
    "../_base_/runtime_classes.py",
]

_base_.simmatch.update(
    bank_momentum=0.0,
    threshold=0.7,
    queue_length=256,
    semantic_weight=10.0,
    instance_weight=5.0,
    labels_from="teacher",
    predict_on="student",
)
model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    bank_size=13_000,
    **_base_.pop("simmatch"),
)
train_dataloader = dict(dataset=dict(split="1pct"))
