# SPDX-License-Identifier: Apache-2.0
"""Linear probe on frozen EfficientNet-Lite0, nuclei, 8 of 444 images labeled."""

_base_ = "./nuclei_8.py"

head = _base_.model.student.decode_head
model = dict(
    student=dict(
        backbone=dict(frozen=True),
        decode_head=dict(
            _delete_=True,
            type="LinearHead",
            in_channels=None,
            num_classes=head.num_classes,
            align_corners=True,
            loss_decode=head.loss_decode,
        ),
    )
)
optim_wrapper = dict(optimizer=dict(lr=0.01))
del head
