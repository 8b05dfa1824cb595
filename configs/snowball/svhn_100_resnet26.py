# SPDX-License-Identifier: Apache-2.0
_base_ = "./svhn_100_convnet13.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"),
        decode_head=dict(
            weight_norm=False, in_channels=384, branches=dict(consistency=dict(weight_norm=False))
        ),
    )
)
