# SPDX-License-Identifier: Apache-2.0
"""GoogLeNet from ImageNet weights, embeddings of 512 numbers, for crops of 227 px.

Chapters 4 and 5 of the dissertation state neither the file of weights nor how batch statistics are
treated in training. The weights are those of torchvision (data/README.md), for values from -1 to 1.
As in the released code of the Multi-Similarity loss, their baseline, the batch statistics are
frozen, and the bias of the embedding layer starts at zero.
"""

model = dict(
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[127.5, 127.5, 127.5],  # what torchvision's `transform_input` amounts to
        std=[127.5, 127.5, 127.5],
        non_blocking=True,
    ),
    pretrained="data/pretrained/googlenet-1378be20.pth",
    student=dict(
        type="EncoderDecoder",
        backbone=dict(type="GoogLeNet", norm_eval=True),
        decode_head=dict(
            type="EmbeddingHead",
            in_channels=1024,
            init_cfg=dict(type="Kaiming", layer="Conv2d", mode="fan_out", bias=0),
        ),
        test_cfg=dict(mode="whole"),
    ),
)
