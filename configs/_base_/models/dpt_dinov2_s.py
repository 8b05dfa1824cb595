# SPDX-License-Identifier: Apache-2.0
"""DINOv2-S with a light DPT head, as in UniMatch V2, 24.8 M parameters.

The weights (Apache-2.0, 88 MB) are downloaded from timm's hub. Without network, set
`model.student.backbone.weights` to a file, see docs/encoders.md.
"""

model = dict(
    type="Supervised",
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        non_blocking=True,
    ),
    student=dict(
        type="EncoderDecoder",
        backbone=dict(
            type="TimmTrunk",
            model="vit_small_patch14_dinov2",
            weights="hub",
            out_indices=(2, 5, 8, 11),
        ),
        decode_head=dict(
            type="LightDPTHead",
            in_channels=None,
            channels=64,
            level_channels=(48, 96, 192, 384),
            num_classes=21,
            align_corners=True,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
        test_cfg=dict(mode="whole"),
    ),
)
