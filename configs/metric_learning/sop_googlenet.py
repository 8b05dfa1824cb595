# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, Stanford Online Products, 10,000 clusters."""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
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
val_evaluator = dict(topk=(1, 10, 100))
