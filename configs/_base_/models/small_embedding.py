# SPDX-License-Identifier: Apache-2.0
"""A narrow ResNet-18 from random weights for images of 56 px, embeddings of 128 numbers, for a CPU.

The last two stages keep the size, so that the last map has 7 x 7 positions, as the last map of
GoogLeNet does at 227 px.
"""

_base_ = "./googlenet_embedding.py"

model = dict(
    pretrained=None,
    student=dict(
        backbone=dict(
            _delete_=True,
            type="ResNet",
            depth=18,
            stem_channels=16,
            base_channels=16,
            strides=(1, 2, 1, 1),
        ),
        decode_head=dict(in_channels=128, channels=128),
    ),
)
