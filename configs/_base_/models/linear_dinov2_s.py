# SPDX-License-Identifier: Apache-2.0
"""Frozen DINOv2-S with a linear head: only batch norm and one 1x1 convolution are trained."""

_base_ = "./dpt_dinov2_s.py"

model = dict(
    student=dict(
        backbone=dict(frozen=True),
        decode_head=dict(
            _delete_=True,
            type="LinearHead",
            in_channels=None,
            num_classes=21,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
    )
)
