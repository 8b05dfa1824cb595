# SPDX-License-Identifier: Apache-2.0
"""Baseline of chapter 4: Multi-Similarity, a memory of the training set, k-means every 20 passes.

A config says how many images and clusters there are: `metric_learning.memory.size`,
`clusters.clusters`. A batch has 5 images of a class (section 4.4.2), of 16 classes (not published).
Constants of loss and miner are those of the Multi-Similarity paper; chapter 4 names none.
"""

metric_learning = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5),
    miner=dict(type="MultiSimilarityMiner", epsilon=0.1),
    memory=dict(start=0),  # not published
)
clusters = dict(type="ClusterHook", interval_epochs=20)
batch = dict(batch_size=80, sampler=dict(type="PKSampler", classes=16, images=5))
