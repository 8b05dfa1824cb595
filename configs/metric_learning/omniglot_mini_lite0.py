# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, EfficientNet-Lite0, a small Omniglot, 136 classes."""

_base_ = [
    "../_base_/models/lite0_embedding.py",
    "../_base_/datasets/omniglot_mini.py",
    "../_base_/schedules/metric_learning_pretrained.py",
    "../_base_/runtime_retrieval.py",
]

model = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(start=0, size=1360),
)
train_dataloader = dict(batch_size=80, sampler=dict(type="PKSampler", classes=16, images=5))
custom_hooks = [*_base_.custom_hooks, dict(type="ClusterHook", interval_epochs=5, clusters=136)]
