# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, mitochondria, 2 labeled sections."""

_base_ = "../_base_/sets/em_mito_2_lite0.py"

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=4)
