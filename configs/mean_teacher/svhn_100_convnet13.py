# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ConvNet-13, SVHN, 100 labeled images.

A batch has one labeled image. As in the released code, the labeled loss is therefore divided by
100, and the consistency of the other 99 images has weight 1, not 100 as on CIFAR.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/svhn_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    data_preprocessor=dict(mean=[111.6, 113.2, 120.6], std=[50.5, 51.3, 50.2]),
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=3_690,  # 5 passes
    track_pseudo_labels=True,
    consistency_weight=1.0,
    consistency_tap="decode_head.branches.consistency",
    whole_batch=True,
    teacher=dict(momentum=0.03, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [132_840]
train_cfg = dict(max_iters=132_840, val_interval=132_840)
