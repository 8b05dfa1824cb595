# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ on a half-width ResNet-18 from random weights, for small real sets on a CPU.

Crops of 129 px are 9 positions wide, so the ASPP rates are smaller than usual: rates of 9 and more
would see only padding. Predicts with the teacher, an average of the weights.
"""

_base_ = "./deeplabv3plus_r18.py"

model = dict(
    teacher=dict(momentum=0.01, warmup=9),
    predict_on="teacher",
    student=dict(
        backbone=dict(base_channels=32, stem_channels=32),
        decode_head=dict(
            in_channels=256, channels=64, c1_in_channels=32, c1_channels=32, dilations=(2, 4, 6)
        ),
    ),
)
