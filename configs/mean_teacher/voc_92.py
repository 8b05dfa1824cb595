# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

The weight is the number of classes, so the squared differences of a pixel are summed.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="MeanTeacher",
    teacher=dict(momentum=0.01, warmup=True),
    predict_on="teacher",
    consistency_weight=21.0,
    ramp=6500,  # 5 passes
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="92"))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
