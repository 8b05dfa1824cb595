# SPDX-License-Identifier: Apache-2.0
"""BN-Inception from ImageNet weights, embeddings of 512 numbers, for crops of 227 px.

The weights are those of Caffe, from Cadene's package (data/README.md), for values from 0 to 255.
They were trained on BGR images, and are converted to RGB when they are loaded.
"""

_base_ = "./googlenet_embedding.py"

model = dict(
    data_preprocessor=dict(mean=[128.0, 117.0, 104.0], std=[1.0, 1.0, 1.0]),
    pretrained="data/pretrained/bn_inception-52deb4733.pth",
    student=dict(backbone=dict(type="BNInception")),
)
