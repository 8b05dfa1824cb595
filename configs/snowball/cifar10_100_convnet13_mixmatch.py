# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, ConvNet-13, CIFAR-10, 100 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_100_convnet13_mixmatch.py
Paper: error 13.20 +- 0.20 (Snowball, Table 2.8).
Ours:  not run.
"""

_base_ = "./cifar10_1000_convnet13_mixmatch.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
