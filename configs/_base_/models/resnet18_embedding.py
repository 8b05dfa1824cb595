# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 from random weights, embeddings of 512 numbers, for crops of 227 px."""

_base_ = "./googlenet_embedding.py"

model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    pretrained=None,
    student=dict(
        backbone=dict(_delete_=True, type="ResNet", depth=18), decode_head=dict(in_channels=512)
    ),
)
