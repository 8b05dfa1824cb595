# SPDX-License-Identifier: Apache-2.0
"""SimMatch with alpha 0.95, ResNet-50, ImageNet, 1% labelled."""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(smoothing=0.95)
