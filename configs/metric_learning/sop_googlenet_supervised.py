# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, GoogLeNet, Stanford Online Products, a momentum memory.

Run:   python tools/train.py configs/metric_learning/sop_googlenet_supervised.py
Paper: Recall@1 73.7 (SAN, Table 5.4, baseline).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning_momentum.py",
    "../_base_/datasets/sop_labels.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 59_551  # the training images
_base_.pop("clusters")
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
val_evaluator = dict(topk=(1, 10, 100, 1000))
