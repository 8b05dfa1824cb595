# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, CUB-200-2011, 100 clusters.

Run:   python tools/train.py configs/metric_learning/cub_googlenet.py
Paper: Recall@1 53.9 (TAC-CCL, Table 4.1, baseline).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/cub.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 5864  # the training images
_base_.clusters.clusters = 100
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
