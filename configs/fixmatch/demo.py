# SPDX-License-Identifier: Apache-2.0
"""FixMatch, narrow DeepLabv3+ R-18 from random weights, the generated demo set."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow.py",
    "../_base_/datasets/demo.py",
    "../_base_/schedules/demo.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="FixMatch",
    student=dict(decode_head=dict(num_classes=7)),
    threshold=0.6,
    warmup=200,
    ramp=100,
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1
