# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, CUB-200-2011, 100 clusters."""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/datasets/cub.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

model = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(start=0, size=5864),
)
train_dataloader = dict(batch_size=80, sampler=dict(type="PKSampler", classes=16, images=5))
custom_hooks = [*_base_.custom_hooks, dict(type="ClusterHook", clusters=100)]
