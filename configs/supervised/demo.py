# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, narrow DeepLabv3+ R-18 from random weights, the generated demo set."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow.py",
    "../_base_/datasets/demo.py",
    "../_base_/schedules/demo.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(num_classes=7)))
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=4)
