# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/metric_learning/cifar10_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = [
    "../_base_/models/wrn10_2_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/cifar10_mini_retrieval.py",
    "../_base_/schedules/metric_learning_mini.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 4000
_base_.clusters.update(clusters=100, interval_epochs=5)
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
