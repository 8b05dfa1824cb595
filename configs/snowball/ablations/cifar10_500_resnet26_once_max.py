# SPDX-License-Identifier: Apache-2.0
"""Snowball with one discovery of the farthest images, ResNet-26, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/snowball/ablations/cifar10_500_resnet26_once_max.py
Paper: error 16.60 (Snowball, Table 2.9).
Ours:  not run.
"""

_base_ = "../cifar10_500_resnet26_once.py"

_base_.custom_hooks[-1].select.keep = "max"
