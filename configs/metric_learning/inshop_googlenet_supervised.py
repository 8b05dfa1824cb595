# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, GoogLeNet, In-Shop, a momentum memory."""

_base_ = [
    "../_base_/models/googlenet_embedding.py",
    "../_base_/datasets/inshop_labels.py",
    "../_base_/schedules/metric_learning.py",
    "../_base_/runtime_retrieval.py",
]

model = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(
        start=1000,
        network="teacher",
        loss=dict(
            type="ContrastiveLoss",
            pos_margin=1.0,
            neg_margin=0.5,
            distance=dict(type="CosineSimilarity"),
        ),
        weight=1.0,
        size=25_882,
    ),
    teacher=dict(momentum=0.001),
)
train_dataloader = dict(batch_size=80, sampler=dict(type="PKSampler", classes=16, images=5))
val_evaluator = dict(topk=(1, 10, 20, 30))
