# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, Cars-196, 100 clusters.

Run:   python tools/train.py configs/metric_learning/cars_googlenet.py
Paper: Recall@1 43.0 (TAC-CCL, Table 4.1, baseline).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/cars.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 8054  # the training images
_base_.clusters.clusters = 100
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
