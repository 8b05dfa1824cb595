# SPDX-License-Identifier: Apache-2.0
"""The network of a quarter of the channels for microscopy: two classes, learns in minutes.

Images are predicted by windows of the size of its crops, which overlap by half. Evaluated is an
average of the weights, the teacher.
"""

_base_ = "./deeplabv3plus_r18_narrow.py"

model = dict(
    teacher=dict(momentum=0.01),
    predict_on="teacher",
    student=dict(
        decode_head=dict(num_classes=2),
        test_cfg=dict(mode="slide", crop_size=(97, 97), stride=(48, 48)),
    ),
)
