# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, Cars-196, 100 clusters, 128 numbers.

Run:   python tools/train.py configs/metric_learning/cars_googlenet_128.py
Paper: not in the paper, whose Table 5.2 has it with SAN.
Ours:  not run.

The memory is the momentum memory of chapter 5.
"""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/methods/metric_learning_momentum.py",
    "../_base_/datasets/cars.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 8054  # the training images
_base_.clusters.clusters = 100
model = dict(student=dict(decode_head=dict(channels=128)), **_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
