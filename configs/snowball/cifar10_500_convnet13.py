# SPDX-License-Identifier: Apache-2.0
"""Snowball, ConvNet-13, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_500_convnet13.py
Paper: error 22.30 +- 1.48 (Snowball, Table 2.6).
Ours:  not run.
"""

_base_ = "./cifar10_250_convnet13.py"

train_dataloader = dict(dataset=dict(split="500_seed0"))
