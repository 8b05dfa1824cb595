# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, Stanford Online Products, 10,000 clusters.

Run:   python tools/train.py configs/metric_learning/sop_googlenet.py
Paper: Recall@1 62.5 (TAC-CCL, Table 4.2, baseline).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/sop.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 59_551  # the training images
_base_.clusters.clusters = 10_000
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
val_evaluator = dict(topk=(1, 10, 100))
