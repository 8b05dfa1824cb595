# SPDX-License-Identifier: Apache-2.0
"""SimMatch with scaled classes and smoothed similarities, ResNet-50, ImageNet, 1% labelled."""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(semantic_rule="scaling", instance_rule="smoothing")
