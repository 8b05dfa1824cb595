# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, ResNet-18 from random weights, SOP, 128 numbers.

Run:   python tools/train.py configs/metric_learning/sop_resnet18_128.py
Paper: not in the paper, whose Table 5.3 has it with SAN.
Ours:  not run.

10,000 clusters; the memory is the momentum memory of chapter 5, of an average that forgets the
random weights before the memory begins.
"""

_base_ = [
    "../_base_/models/resnet18_embedding.py",
    "../_base_/methods/metric_learning_momentum.py",
    "../_base_/datasets/sop.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 59_551  # the training images
_base_.metric_learning.teacher.warmup = True
_base_.clusters.clusters = 10_000
model = dict(student=dict(decode_head=dict(channels=128)), **_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # from random weights; not published
val_evaluator = dict(topk=(1, 10, 100))
