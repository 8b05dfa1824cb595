# SPDX-License-Identifier: Apache-2.0
"""Baseline of chapter 5: Multi-Similarity in the batch, contrastive with a momentum memory.

The chapter names the two losses and that the memory is a momentum one. Margin 0.5 is that of
Cross-Batch Memory (CVPR 2020), momentum 0.999 that of MoCo; start and weight are not published.
"""

_base_ = "./metric_learning.py"

metric_learning = dict(
    teacher=dict(momentum=0.001),
    memory=dict(
        network="teacher",
        loss=dict(
            type="ContrastiveLoss",
            pos_margin=1.0,
            neg_margin=0.5,
            distance=dict(type="CosineSimilarity"),
        ),
        weight=1.0,
        start=1000,
    ),
)
