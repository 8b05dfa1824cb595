# SPDX-License-Identifier: Apache-2.0
"""SimMatch with both corrected by smoothing, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_smoothing_smoothing.py
Paper: top-1 61.5 (SimMatch, Table 6).
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(instance_rule="smoothing")
