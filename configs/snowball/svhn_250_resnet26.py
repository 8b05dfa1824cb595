# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, SVHN, 250 labelled images.

Run:   python tools/train.py configs/snowball/svhn_250_resnet26.py
Paper: error 3.26 +- 0.02 (Snowball, Tables 2.1 and 2.7).
Ours:  not run.
"""

_base_ = "./svhn_100_resnet26.py"

train_dataloader = dict(dataset=dict(split="250_seed0"))
