# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled."""

_base_ = "../_base_/sets/peanut_8.py"

model = dict(
    type="MeanTeacher",
    teacher=dict(warmup=True),
    consistency_weight=2.0,
    warmup=400,
    ramp=400,
    ramp_shape="sigmoid",
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
