# SPDX-License-Identifier: Apache-2.0
"""Snowball with one discovery of random images, ResNet-26, CIFAR-10, 500 labelled images."""

_base_ = "../cifar10_500_resnet26_once.py"

_base_.custom_hooks[-1].select.keep = "random"
