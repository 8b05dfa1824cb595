# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_1000_resnet26.py
Paper: error 7.82 +- 0.08 (Snowball, Tables 2.2, 2.6 and 2.11).
Ours:  not run.
"""

_base_ = "./cifar10_250_resnet26.py"

train_dataloader = dict(dataset=dict(split="1000_seed0"))
