# SPDX-License-Identifier: Apache-2.0
"""Snowball, ConvNet-13, SVHN, 250 labelled images.

Run:   python tools/train.py configs/snowball/svhn_250_convnet13.py
Paper: error 4.07 +- 0.17 (Snowball, Tables 2.1 and 2.7).
Ours:  not run.
"""

_base_ = "./svhn_100_convnet13.py"

train_dataloader = dict(dataset=dict(split="250_seed0"))
