# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, half-width DeepLabv3+ R-18, mitochondria, 2 labeled sections."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/datasets/em_mito.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=4)
