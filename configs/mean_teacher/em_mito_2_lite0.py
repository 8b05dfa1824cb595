# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, DeepLabv3+ on EfficientNet-Lite0, mitochondria, 2 labeled sections."""

_base_ = "../_base_/sets/em_mito_2_lite0.py"

model = dict(
    type="MeanTeacher",
    teacher=dict(warmup=True),
    consistency_weight=2.0,
    warmup=400,
    ramp=400,
    ramp_shape="sigmoid",
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
