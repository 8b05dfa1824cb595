# SPDX-License-Identifier: Apache-2.0
"""SimMatch with temperature 0.2, ResNet-50, ImageNet, 1% labelled."""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(temperature=0.2)
