# SPDX-License-Identifier: Apache-2.0
"""ResNet for images of 32 pixels."""

from mmcv.cnn import build_conv_layer
from mmseg.models.backbones import ResNet
from torch import nn

from rankseg.registry import MODELS


@MODELS.register_module()
class CifarResNet(ResNet):
    """mmseg's ``ResNet`` with a stem that keeps the size: one 3x3 convolution and no pooling.

    For ``depth=18`` the maps have 64, 128, 256 and 512 channels (four times that from depth 50
    on) at stride 1, 2, 4 and 8, and with a linear classifier of 10 classes the network has
    11,173,962 parameters.

    Args:
        **kwargs: Arguments of mmseg's ``ResNet``: ``depth``, ``base_channels``, ...

    Source: He et al. (arXiv:1512.03385) with the stem that SimCLR (arXiv:2002.05709, B.9) uses for
        CIFAR-10.
    """

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        super()._make_stem_layer(in_channels, stem_channels)
        self.conv1 = build_conv_layer(
            self.conv_cfg, in_channels, stem_channels, kernel_size=3, padding=1, bias=False
        )
        self.maxpool = nn.Identity()
