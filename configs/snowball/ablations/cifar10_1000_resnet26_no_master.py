# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher with discovery, ResNet-26, CIFAR-10, 1,000 labelled images."""

_base_ = "../cifar10_1000_resnet26.py"

model = dict(master=None)
_base_.custom_hooks[-1].network = "teacher"
