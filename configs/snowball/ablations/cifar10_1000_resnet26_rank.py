# SPDX-License-Identifier: Apache-2.0
"""Snowball by averaged ranks, ResNet-26, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/snowball/ablations/cifar10_1000_resnet26_rank.py
Paper: 2.8% of the discovered labels are wrong (Snowball, Table 2.10).
Ours:  not run.
"""

_base_ = "../cifar10_1000_resnet26.py"

_base_.custom_hooks[-1].past = 2  # and the features of now: three iterations
_base_.custom_hooks[-1].select.fuse = "rank"
