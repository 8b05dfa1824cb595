# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, ResNet-18 from random weights, SOP, 128 numbers.

10,000 clusters; the memory is the momentum memory of chapter 5, of an average that forgets the
random weights before the memory begins.
"""

_base_ = "./sop_resnet18.py"

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
    teacher=dict(momentum=0.001, warmup=True),
)
