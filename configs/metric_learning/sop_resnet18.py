# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, ResNet-18 from random weights, Stanford Online Products.

Run:   python tools/train.py configs/metric_learning/sop_resnet18.py
Paper: not in the paper; Table 4.3 has the whole of TAC-CCL, and 18.4 for random weights.
Ours:  not run.
"""

_base_ = [
    "../_base_/models/resnet18_embedding.py",
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
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # from random weights; not published
val_evaluator = dict(topk=(1, 10, 100))
