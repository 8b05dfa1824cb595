# SPDX-License-Identifier: Apache-2.0
"""The half-width R-18 for 11 classes of street scenes, with the loss on hard pixels.

At least 16% of the labeled pixels count, as in the published setting for Cityscapes.
"""

_base_ = "./deeplabv3plus_r18_half.py"

model = dict(
    student=dict(
        decode_head=dict(
            num_classes=11,
            loss_decode=dict(_delete_=True, type="OhemCrossEntropyLoss", min_kept=10_000),
        )
    )
)
