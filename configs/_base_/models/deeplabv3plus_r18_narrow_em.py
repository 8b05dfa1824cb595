# SPDX-License-Identifier: Apache-2.0
"""The quarter-width R-18 for mitochondria, tested with overlapping windows as large as the crops.

Predicts with the teacher, an average of the weights.
"""

_base_ = "./deeplabv3plus_r18_narrow.py"

model = dict(
    teacher=dict(momentum=0.01, warmup=9),
    predict_on="teacher",
    student=dict(
        decode_head=dict(num_classes=2),
        test_cfg=dict(mode="slide", crop_size=(97, 97), stride=(48, 48)),
    ),
)
