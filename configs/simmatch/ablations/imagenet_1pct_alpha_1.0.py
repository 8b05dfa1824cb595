# SPDX-License-Identifier: Apache-2.0
"""SimMatch with class predictions not corrected, ResNet-50, ImageNet, 1% labelled."""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(smoothing=1.0)
