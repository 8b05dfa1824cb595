# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

Uses labeled batches only, for as many iterations as the other methods: an epoch is still one pass
over the unlabeled list.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=8, sampler=dict(labeled_only=True), dataset=dict(split="92"))
auto_scale_lr = dict(base_batch_size=8)
