# SPDX-License-Identifier: Apache-2.0
"""ResNet-26 2x96d with shake-shake regularisation, images of 32 px, 10 classes: 26.2 M parameters.

The narrower ones of its paper have `backbone.width` 64 and `decode_head.in_channels` 256 (11.7 M),
and 32 and 128 (2.9 M).
"""

_base_ = "./wrn28_2.py"

model = dict(
    student=dict(
        backbone=dict(_delete_=True, type="ShakeShakeNet"), decode_head=dict(in_channels=384)
    )
)
