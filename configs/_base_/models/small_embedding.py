# SPDX-License-Identifier: Apache-2.0
"""A narrow ResNet-18 from random weights for images of 56 px, embeddings of 128 numbers, for a CPU.

The last two stages keep the size: the last map has 7 x 7 positions, as that of GoogLeNet has at
227 px.
"""

_base_ = "./resnet18_embedding.py"

model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    student=dict(
        backbone=dict(stem_channels=16, base_channels=16, strides=(1, 2, 1, 1)),
        decode_head=dict(in_channels=128, channels=128),
    ),
)
