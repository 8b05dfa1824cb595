# SPDX-License-Identifier: Apache-2.0
"""WRN-28-8 for images of 32 px, 100 classes: 23.4 M parameters."""

_base_ = "./wrn28_2.py"

model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(backbone=dict(width=8), decode_head=dict(in_channels=512, num_classes=100)),
)
