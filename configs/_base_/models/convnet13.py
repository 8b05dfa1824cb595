# SPDX-License-Identifier: Apache-2.0
"""ConvNet-13 for images of 32 px, 10 classes: 3.1 M parameters."""

_base_ = "./wrn28_2.py"

model = dict(student=dict(backbone=dict(type="ConvNet13"), decode_head=dict(weight_norm=True)))
