# SPDX-License-Identifier: Apache-2.0
"""SimMatch, ResNet-50, ImageNet, 1% (13,000) of the images labeled.

The student-teacher version, with 13 labeled images per class. The unlabeled images are the other
99%, 3,963 iterations per pass. For another list, set
`model.bank_size` to its length.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/simmatch_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(
        decode_head=dict(branches=dict(projection=dict(type="Projector", out_channels=128)))
    ),
    bank_size=13_000,
    type="SimMatch",
    threshold=0.7,
    queue_length=256,
    semantic_weight=10.0,
    instance_weight=5.0,
    teacher=dict(momentum=0.001, buffers=False),
    track_pseudo_labels=True,
    labels_from="teacher",
)
train_dataloader = dict(dataset=dict(split="1pct", include_labeled=False))
