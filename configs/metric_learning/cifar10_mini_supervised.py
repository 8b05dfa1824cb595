# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/metric_learning/cifar10_mini_supervised.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

A batch has 4 images of each of the 10 classes.
"""

_base_ = [
    "../_base_/models/wrn10_2_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/cifar10_mini_retrieval_labels.py",
    "../_base_/schedules/metric_learning_mini.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 4000
_base_.pop("clusters")
model = dict(**_base_.pop("metric_learning"))
_base_.batch.update(batch_size=40)
_base_.batch.sampler.update(classes=10, images=4)
train_dataloader = _base_.pop("batch")
auto_scale_lr = dict(base_batch_size=40)
