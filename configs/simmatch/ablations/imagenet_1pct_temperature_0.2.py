# SPDX-License-Identifier: Apache-2.0
"""SimMatch with temperature 0.2, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_temperature_0.2.py
Paper: a curve in Figure 5 of SimMatch.
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(temperature=0.2)
