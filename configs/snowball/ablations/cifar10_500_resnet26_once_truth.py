# SPDX-License-Identifier: Apache-2.0
"""Discovery of the nearest images, truth known, ResNet-26, CIFAR-10, 500 labelled images."""

_base_ = "../cifar10_500_resnet26_once.py"

_base_.custom_hooks[-1].truth = True
