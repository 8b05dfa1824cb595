# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, EfficientNet-Lite0, a small Omniglot: the upper bound."""

_base_ = "./omniglot_mini_lite0.py"
train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = _base_.custom_hooks[:-1]
