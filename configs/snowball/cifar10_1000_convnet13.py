# SPDX-License-Identifier: Apache-2.0
"""Snowball, ConvNet-13, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_1000_convnet13.py
Paper: error 17.79 +- 0.11 (Snowball, Tables 2.2 and 2.6).
Ours:  not run.
"""

_base_ = "./cifar10_250_convnet13.py"

train_dataloader = dict(dataset=dict(split="1000_seed0"))
