# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 with the ImageNet stem from random weights, 100 classes of images of 84 px."""

model = dict(
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        non_blocking=True,
    ),
    student=dict(
        type="EncoderDecoder",
        backbone=dict(
            type="ResNet", depth=18, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1), style="pytorch"
        ),
        decode_head=dict(type="ImageLevelHead", in_channels=512, num_classes=100),
        test_cfg=dict(mode="whole"),
    ),
)
