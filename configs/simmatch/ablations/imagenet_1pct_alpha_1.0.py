# SPDX-License-Identifier: Apache-2.0
"""SimMatch with class predictions not corrected, ResNet-50, ImageNet, 1% labelled.

Run:   python tools/train.py configs/simmatch/ablations/imagenet_1pct_alpha_1.0.py
Paper: top-1 59.9 (SimMatch, Table 5, and Figure 5).
Ours:  not run.
"""

_base_ = "../imagenet_1pct_100ep.py"

model = dict(smoothing=1.0)
