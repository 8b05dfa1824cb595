# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = "../_base_/sets/cifar10_mini_100_lite0.py"

model = dict(type="Supervised")
train_dataloader = dict(batch_size=16, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size=16)
