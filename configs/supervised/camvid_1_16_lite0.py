# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, CamVid, 1/16 (23) of 367 images labeled."""

_base_ = "../_base_/sets/camvid_1_16_lite0.py"

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=4)
