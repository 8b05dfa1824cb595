# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, a narrow ResNet-18, a small Omniglot, 136 classes.

Run:   python tools/train.py configs/metric_learning/omniglot_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = [
    "../_base_/models/small_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/omniglot_mini.py",
    "../_base_/schedules/metric_learning_mini.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 1360
_base_.clusters.update(clusters=136, interval_epochs=5)
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
