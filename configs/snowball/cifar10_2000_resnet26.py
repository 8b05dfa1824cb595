# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-10, 2,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_2000_resnet26.py
Paper: error 7.15 +- 0.17 (Snowball, Tables 2.2 and 2.6).
Ours:  not run.
"""

_base_ = "./cifar10_250_resnet26.py"

train_dataloader = dict(dataset=dict(split="2000_seed0"))
