# SPDX-License-Identifier: Apache-2.0
"""SimMatch with similarities not corrected, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_no_scaling.py
Paper: top-1 52.3 (SimMatch, Table 5).
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(instance_rule=None)
