# SPDX-License-Identifier: Apache-2.0
"""The usual DeepLabv3+ on ResNet-50: deep stem 64-64-128, output stride 16, 40.5 M parameters.

`pretrained` is a file of ImageNet weights for this stem, or None for random weights.
"""

model = dict(
    type="Supervised",
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        non_blocking=True,  # of use with train_dataloader.pin_memory=True, see configs/README.md
    ),
    pretrained="data/pretrained/resnet50_deepstem.pth",
    student=dict(
        type="EncoderDecoder",
        backbone=dict(
            type="ResNetV1c",
            depth=50,
            stem_channels=128,
            strides=(1, 2, 2, 1),
            dilations=(1, 1, 1, 2),
            contract_dilation=True,
        ),
        decode_head=dict(
            type="DeepLabV3PlusHead",
            num_classes=21,
            align_corners=True,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
        test_cfg=dict(mode="whole"),
    ),
)
