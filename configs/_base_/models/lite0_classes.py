# SPDX-License-Identifier: Apache-2.0
"""Frozen EfficientNet-Lite0 with ImageNet weights and a linear classifier of 10 classes.

With a few labels, a network that is trained as a whole forgets what the weights know. The last map
has stride 32, so images of 96 px give 3 x 3 positions. On a CPU, the layout channels-last halves
the time of a step, and bfloat16 (`--amp`) is slower. Predicts with the teacher, an average of the
weights that is corrected for its start.
"""

channels_last = True

model = dict(
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[127.0] * 3,  # these weights were converted from TensorFlow
        std=[128.0] * 3,
        channels_last=True,
        non_blocking=True,
    ),
    pretrained="data/pretrained/efficientnet-lite0-57934424.pth",
    teacher=dict(momentum=0.01, warmup=True),
    predict_on="teacher",
    student=dict(
        type="EncoderDecoder",
        backbone=dict(
            type="TimmTrunk", model="tf_efficientnet_lite0", out_indices=(4,), frozen=True
        ),
        decode_head=dict(type="ImageLevelHead", in_channels=None, num_classes=10),
        test_cfg=dict(mode="whole"),
    ),
)
