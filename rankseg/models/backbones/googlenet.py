# SPDX-License-Identifier: Apache-2.0
"""GoogLeNet with batch normalization, for the ImageNet weights of torchvision."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from rankseg.models.backbones.staged import StagedBackbone
from rankseg.registry import MODELS

BLOCKS = {
    # 1x1 branch; reduction and output of the second and third branch; pooled branch
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
"""Channels of the Inception blocks: Szegedy et al. (arXiv:1409.4842), Table 1."""


def conv_norm_act(in_channels: int, channels: int, kernel: int = 1, stride: int = 1) -> nn.Module:
    """Build a convolution without bias that keeps the size, batch normalization and ReLU."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=False)
    parts = {"conv": conv, "bn": nn.BatchNorm2d(channels, eps=0.001), "relu": nn.ReLU(inplace=True)}
    return nn.Sequential(OrderedDict(parts))


class InceptionBlock(nn.Module):
    """Inception block of four parallel branches, with the channels of :data:`BLOCKS`."""

    def __init__(
        self,
        in_channels: int,
        first: int,
        second: tuple[int, int],
        third: tuple[int, int],
        pooled: int,
    ) -> None:
        super().__init__()
        self.out_channels = first + second[1] + third[1] + pooled
        self.branch1 = conv_norm_act(in_channels, first)
        self.branch2 = nn.Sequential(
            conv_norm_act(in_channels, second[0]), conv_norm_act(*second, kernel=3)
        )
        self.branch3 = nn.Sequential(
            conv_norm_act(in_channels, third[0]), conv_norm_act(*third, kernel=3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv_norm_act(in_channels, pooled)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        return torch.cat([branch(x) for branch in self.children()], 1)


@MODELS.register_module()
class GoogLeNet(StagedBackbone):
    """Inception v1 with batch normalization, as in TensorFlow and torchvision.

    Submodules and parameters have torchvision's names, so its ImageNet weights load strictly. With
    a linear classifier of 1,000 classes it has 6,624,904 parameters. torchvision's
    ``transform_input`` undoes the normalization by ImageNet's mean; here, set ``mean`` and ``std``
    of the preprocessor to 127.5 instead. The auxiliary classifiers are left out: the file holds
    untrained weights for them.

    Args:
        in_channels: Channels of the image.
        **kwargs: Further arguments of :class:`~rankseg.models.backbones.staged.StagedBackbone`.

    Shape:
        - input: ``(B, in_channels, H, W)``; at 64 pixels or more, the last map is at least 2 x 2
        - output: maps of 192, 480, 832 and 1024 channels at stride 4, 8, 16 and 32, those of
          ``conv3``, ``inception3b``, ``inception4e`` and ``inception5b``; the last map of an image
          of 224 or 227 px is 7 x 7

    Source: Szegedy et al. (arXiv:1409.4842) with batch normalization. As in torchvision,
        the third branch has a 3x3 convolution instead of the 5x5 convolution of the paper.
    """

    WEIGHTS = "torchvision's googlenet-1378be20.pth"
    STAGES = ("conv3", "inception3b", "inception4e", "inception5b")

    def __init__(self, in_channels: int = 3, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv1 = conv_norm_act(in_channels, 64, kernel=7, stride=2)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv_norm_act(64, 64)
        self.conv3 = conv_norm_act(64, 192, kernel=3)
        channels, stage = 192, "2"
        for name, branches in BLOCKS.items():
            if name[0] != stage:
                kernel = 2 if stage == "4" else 3
                self.add_module(f"maxpool{stage}", nn.MaxPool2d(kernel, stride=2, ceil_mode=True))
                stage = name[0]
            block = InceptionBlock(channels, *branches)
            self.add_module(f"inception{name}", block)
            channels = block.out_channels
