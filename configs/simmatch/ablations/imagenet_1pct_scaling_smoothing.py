# SPDX-License-Identifier: Apache-2.0
"""SimMatch with scaled classes and smoothed similarities, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_scaling_smoothing.py
Paper: top-1 59.9 (SimMatch, Table 6).
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(semantic_rule="scaling", instance_rule="smoothing")
