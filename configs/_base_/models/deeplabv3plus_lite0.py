# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ on EfficientNet-Lite0 with ImageNet weights: 3.5 M parameters, for small real sets.

The maps of strides 4 and 16 are used. The stages after them would double the time of a step. Crops
of 129 px are 9 positions wide, so the ASPP rates are smaller than usual. Predicts with the teacher,
an average of the weights. Images are tested with windows as large as the crops.
"""

model = dict(
    type="Supervised",
    data_preprocessor=dict(
        type="ViewPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        non_blocking=True,
    ),
    pretrained="data/pretrained/efficientnet-lite0-57934424.pth",
    teacher=dict(momentum=0.01),
    predict_on="teacher",
    student=dict(
        type="EncoderDecoder",
        backbone=dict(type="TimmTrunk", model="efficientnet_lite0", out_indices=(1, 3)),
        decode_head=dict(
            type="DeepLabV3PlusHead",
            in_channels=None,  # those of the encoder
            channels=96,
            c1_in_channels=None,
            c1_channels=24,
            dilations=(2, 4, 6),
            num_classes=2,
            align_corners=True,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
        test_cfg=dict(mode="slide", crop_size=(129, 129), stride=(64, 64)),
    ),
)
