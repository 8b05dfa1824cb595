# SPDX-License-Identifier: Apache-2.0
"""GoogLeNet from ImageNet weights, embeddings of 512 numbers, for crops of 227 px.

Chapters 4 and 5 of the dissertation name neither the file of the weights nor what the batch
statistics do in training. The weights are torchvision's (data/README.md), for images of -1 to 1.
Statistics stay those of the weights, and the embedding layer begins without bias, as in the
released code of the Multi-Similarity loss, their baseline.
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
