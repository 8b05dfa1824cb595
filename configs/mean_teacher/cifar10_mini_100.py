# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=1000,
    track_pseudo_labels=True,
    consistency_weight=30.0,
    consistency_tap="decode_head.branches.consistency",
    teacher=dict(momentum=0.005, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
