# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 with ImageNet weights as a classifier of 10 classes: 3.4 M parameters.

Its last map has stride 32, so images of 96 px give 3 x 3 positions. The layout channels-last halves
the time of a step on a CPU; bfloat16 (`--amp`) is slower there. Predicts with the teacher, an
average of the weights that is corrected for its start.
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
            type="TimmTrunk",
            model="tf_efficientnet_lite0",
            out_indices=(4,),
            frozen=9,  # of 16 blocks
            norm_eval=True,
        ),
        decode_head=dict(type="ImageLevelHead", in_channels=None, num_classes=10),
        test_cfg=dict(mode="whole"),
    ),
)
