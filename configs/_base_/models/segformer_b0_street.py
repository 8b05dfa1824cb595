# SPDX-License-Identifier: Apache-2.0
"""SegFormer-B0 (3.7 M parameters) from random weights for 11 classes of streets.

Features have a stride of 4 to 32, and no corner on a corner pixel: crops are a multiple of 32.
Evaluated is an average of the weights, the teacher. `pretrained` takes a file of mit_b0 weights.
"""

model = dict(
    type="Supervised",
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        non_blocking=True,
    ),
    teacher=dict(momentum=0.01),
    predict_on="teacher",
    student=dict(
        type="EncoderDecoder",
        backbone=dict(
            type="MixVisionTransformer",
            embed_dims=32,
            num_layers=[2, 2, 2, 2],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.1,
        ),
        decode_head=dict(
            type="SegformerHead",
            in_channels=[32, 64, 160, 256],
            in_index=[0, 1, 2, 3],
            channels=256,
            num_classes=11,
            norm_cfg=dict(type="BN"),
            loss_decode=dict(type="OhemCrossEntropyLoss", min_kept=10_000),
        ),
        test_cfg=dict(mode="whole"),
    ),
)
