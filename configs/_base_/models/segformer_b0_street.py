# SPDX-License-Identifier: Apache-2.0
"""SegFormer-B0 (3.7 M parameters) from random weights for 11 classes of street scenes.

Features have strides of 4 to 32 and are not aligned with the corner pixels, so crops are a multiple
of 32. Predicts with the teacher. `pretrained` can be a file of mit_b0 weights.
"""

_base_ = "./deeplabv3plus_r50.py"

model = dict(
    pretrained=None,
    teacher=dict(momentum=0.01, warmup=9),
    predict_on="teacher",
    student=dict(
        backbone=dict(
            _delete_=True,
            type="MixVisionTransformer",
            embed_dims=32,
            num_layers=[2, 2, 2, 2],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.1,
        ),
        decode_head=dict(
            _delete_=True,
            type="SegformerHead",
            in_channels=[32, 64, 160, 256],
            in_index=[0, 1, 2, 3],
            channels=256,
            num_classes=11,
            norm_cfg=dict(type="BN"),
            loss_decode=dict(type="OhemCrossEntropyLoss", min_kept=10_000),
        ),
    ),
)
