# SPDX-License-Identifier: Apache-2.0
"""Snowball by averaged distances, ResNet-26, CIFAR-10, 1,000 labelled images."""

_base_ = "../cifar10_1000_resnet26.py"

_base_.custom_hooks[-1].past = 2  # and the features of now: three iterations
_base_.custom_hooks[-1].select.fuse = "average"
