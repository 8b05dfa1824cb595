# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/metric_learning/cifar10_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Tried with a fifth of the training images held back in place of the test images: 300 iterations of
80 images took Recall@1 on those from 23.4 (random weights) to 24.1, next to nothing; 160 of 40
images with strong views and 400 clusters to 21.4.
"""

_base_ = [
    "../_base_/models/wrn10_2_embedding.py",
    "../_base_/methods/metric_learning.py",
    "../_base_/datasets/cifar10_mini_retrieval.py",
    "../_base_/schedules/metric_learning_mini.py",
    "../_base_/runtime_retrieval.py",
]

_base_.metric_learning.memory.size = 4000
_base_.clusters.update(clusters=100, interval_epochs=5)
_base_.batch.update(batch_size=40)
_base_.batch.sampler.update(classes=10, images=4)
model = dict(**_base_.pop("metric_learning"))
train_dataloader = _base_.pop("batch")
custom_hooks = [*_base_.custom_hooks, _base_.pop("clusters")]
auto_scale_lr = dict(base_batch_size=40)
