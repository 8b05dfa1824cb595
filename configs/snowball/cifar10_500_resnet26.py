# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_500_resnet26.py
Paper: error 9.15 +- 0.82 (Snowball, Tables 2.6 and 2.11).
Ours:  not run.
"""

_base_ = "./cifar10_250_resnet26.py"

train_dataloader = dict(dataset=dict(split="500_seed0"))
