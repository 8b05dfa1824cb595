# SPDX-License-Identifier: Apache-2.0
"""Backbones for small images, Inception networks, and any encoder of timm."""

from rankseg.models.backbones.bn_inception import BNInception
from rankseg.models.backbones.convnet13 import ConvNet13
from rankseg.models.backbones.googlenet import GoogLeNet
from rankseg.models.backbones.resnet_cifar import CifarResNet
from rankseg.models.backbones.shake_shake import ShakeShakeNet
from rankseg.models.backbones.timm_trunk import TimmTrunk
from rankseg.models.backbones.wide_resnet import WideResNet

__all__ = [
    "BNInception",
    "CifarResNet",
    "ConvNet13",
    "GoogLeNet",
    "ShakeShakeNet",
    "TimmTrunk",
    "WideResNet",
]
