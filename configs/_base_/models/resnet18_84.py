# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 with the ImageNet stem from random weights, 100 classes of images of 84 px."""

model = dict(
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[120.4, 115.6, 104.5],  # of the training images of mini-ImageNet
        std=[70.7, 68.3, 72.5],
        non_blocking=True,
    ),
    student=dict(
        type="EncoderDecoder",
        backbone=dict(type="ResNet", depth=18),
        decode_head=dict(type="ImageLevelHead", in_channels=512, num_classes=100),
        test_cfg=dict(mode="whole"),
    ),
)
