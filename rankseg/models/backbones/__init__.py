# SPDX-License-Identifier: Apache-2.0
"""Backbones for small images; those for large ones are mmseg's."""

from rankseg.models.backbones.convnet13 import ConvNet13
from rankseg.models.backbones.resnet_cifar import CifarResNet
from rankseg.models.backbones.shake_shake import ShakeShakeNet
from rankseg.models.backbones.wide_resnet import WideResNet

__all__ = ["CifarResNet", "ConvNet13", "ShakeShakeNet", "WideResNet"]
