# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, ResNet-18 from random weights, Stanford Online Products."""

_base_ = [
    "../_base_/models/resnet18_embedding.py",
    "../_base_/datasets/sop.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

model = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(start=0, size=59_551),
)
train_dataloader = dict(batch_size=80, sampler=dict(type="PKSampler", classes=16, images=5))
custom_hooks = [*_base_.custom_hooks, dict(type="ClusterHook", clusters=10_000)]
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # from random weights; not published
val_evaluator = dict(topk=(1, 10, 100))
