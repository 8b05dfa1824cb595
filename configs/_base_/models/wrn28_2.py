# SPDX-License-Identifier: Apache-2.0
"""WRN-28-2 for images of 32 px, 10 classes: 1.5 M parameters."""

model = dict(
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[125.3, 123.0, 113.9],  # of the training images of CIFAR-10
        std=[63.0, 62.1, 66.7],
        non_blocking=True,
    ),
    student=dict(
        type="EncoderDecoder",
        backbone=dict(type="WideResNet"),
        decode_head=dict(type="ImageLevelHead", in_channels=128, num_classes=10),
        test_cfg=dict(mode="whole"),
    ),
)
