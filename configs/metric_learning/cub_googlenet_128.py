# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, CUB-200-2011, embeddings of 128 numbers.

The memory is the momentum memory of chapter 5.
"""

_base_ = "./cub_googlenet.py"

model = dict(
    student=dict(decode_head=dict(channels=128)),
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
    ),
    teacher=dict(momentum=0.001),
)
