# SPDX-License-Identifier: Apache-2.0
"""SimMatch, ResNet-50, ImageNet, 1% (13,000) of the images labelled, 100 passes.

Run:   python tools/train.py configs/simmatch/imagenet_1pct_100ep.py
Paper: top-1 61.7 (SimMatch, Tables 5 to 7).
Ours:  not run.
"""

_base_ = "./imagenet_1pct.py"

train_cfg = dict(max_epochs=100, val_epochs=100)
