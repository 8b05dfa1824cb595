# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ on a ResNet-18 of half the channels from random weights: small real sets on a CPU.

Crops of 129 px are 9 positions, so the ASPP rates are smaller than usual: from 9 on they would see
padding only. Evaluated is an average of the weights, the teacher.
"""

_base_ = "./deeplabv3plus_r18.py"

model = dict(
    teacher=dict(momentum=0.01),
    predict_on="teacher",
    student=dict(
        backbone=dict(base_channels=32, stem_channels=32),
        decode_head=dict(
            in_channels=256, channels=64, c1_in_channels=32, c1_channels=32, dilations=(2, 4, 6)
        ),
    ),
)
