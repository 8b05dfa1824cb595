# SPDX-License-Identifier: Apache-2.0
"""The 13-layer convolutional network of Mean Teacher and LP-DeepSSL."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from rankseg.registry import MODELS


def conv_norm_act(in_channels: int, channels: int, kernel: int, padding: int = 0) -> nn.Sequential:
    """Build a weight-normalized convolution, batch normalization and leaky ReLU of slope 0.1."""
    conv = weight_norm(nn.Conv2d(in_channels, channels, kernel, padding=padding))
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.LeakyReLU(0.1, inplace=True))


@MODELS.register_module()
class ConvNet13(BaseModule):
    """Convolutional network of nine convolutions in three stages, for images of 32 pixels.

    With a weight-normalized linear classifier on the averaged last map (``ImageLevelHead`` with
    ``weight_norm=True``) it has 3,125,908 parameters for 10 classes. The weights have PyTorch's
    default initialization, as in the released code.

    Args:
        in_channels: Channels of the image.
        dropout_ratio: Dropout ratio after the first and the second stage.

    Shape:
        - input: ``(B, in_channels, H, W)``, at least 12 pixels on a side
        - output: maps of 128, 256 and 128 channels, of 16, 8 and 6 pixels for images of 32

    Source: Tarvainen and Valpola (NeurIPS 2017), table 5; Iscen et al. (CVPR 2019). Differences: no
        Gaussian noise on the input, as in the latter.
    """

    def __init__(self, in_channels: int = 3, dropout_ratio: float = 0.5) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            conv_norm_act(in_channels, 128, 3, padding=1),
            conv_norm_act(128, 128, 3, padding=1),
            conv_norm_act(128, 128, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Dropout(dropout_ratio),
        )
        self.stage2 = nn.Sequential(
            conv_norm_act(128, 256, 3, padding=1),
            conv_norm_act(256, 256, 3, padding=1),
            conv_norm_act(256, 256, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Dropout(dropout_ratio),
        )
        self.stage3 = nn.Sequential(
            conv_norm_act(256, 512, 3),
            conv_norm_act(512, 256, 1),
            conv_norm_act(256, 128, 1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the three stages."""
        first = self.stage1(x)
        second = self.stage2(first)
        return first, second, self.stage3(second)
