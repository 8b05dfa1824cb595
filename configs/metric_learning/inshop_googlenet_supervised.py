# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, GoogLeNet, In-Shop, a momentum memory.

Run:   python tools/train.py configs/metric_learning/inshop_googlenet_supervised.py
Paper: not in the paper, whose Table 5.1 has it with SAN.
Ours:  not run.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning_momentum.py",
    "../_base_/datasets/inshop_labels.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 25_882  # the training images
_base_.pop("clusters")
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
val_evaluator = dict(topk=(1, 10, 20, 30))
