# SPDX-License-Identifier: Apache-2.0
"""SimMatch with both corrected by scaling, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_scaling_scaling.py
Paper: top-1 56.6 (SimMatch, Table 6).
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(semantic_rule="scaling")
