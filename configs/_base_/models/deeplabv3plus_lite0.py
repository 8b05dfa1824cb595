# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ on EfficientNet-Lite0 with ImageNet weights: small real sets on a CPU.

3.5 M parameters. The last map is that of stride 16, so crops of 129 px have 9 positions, and ASPP
rates are smaller than usual. Evaluated is an average of the weights.
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
            in_channels=112,
            channels=96,
            c1_in_channels=24,
            c1_channels=24,
            dilations=(2, 4, 6),
            num_classes=2,
            align_corners=True,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
        test_cfg=dict(mode="slide", crop_size=(129, 129), stride=(64, 64)),
    ),
)
