# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled."""

_base_ = "../_base_/sets/kvasir_16.py"

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=4)
