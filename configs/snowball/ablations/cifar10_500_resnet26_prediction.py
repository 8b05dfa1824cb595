# SPDX-License-Identifier: Apache-2.0
"""Snowball by the predictions of its master, ResNet-26, CIFAR-10, 500 labelled images."""

_base_ = "../cifar10_500_resnet26.py"

_base_.custom_hooks[-1].select.type = "most_confident"
