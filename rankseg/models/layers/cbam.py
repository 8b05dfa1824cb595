# SPDX-License-Identifier: Apache-2.0
"""Convolutional block attention: attention over channels, then over positions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rankseg.registry import MODELS


class ChannelGate(nn.Module):
    """Channel attention: maps ``(B, C, h, w)`` to weights ``(B, C, 1, 1)`` in (0, 1)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute the weights, with one perceptron shared by the mean and the maximum."""
        pooled = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return sum(map(self.layers, pooled)).sigmoid()


class SpatialGate(nn.Module):
    """Spatial attention: maps ``(B, C, h, w)`` to a map ``(B, 1, h, w)`` in (0, 1)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the map by a convolution over the maximum and the mean of the channels."""
        pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1)
        return self.norm(self.conv(pooled)).sigmoid()


@MODELS.register_module()
class CBAM(nn.Module):
    """Convolutional block attention module, which weights channels, then positions.

    As ``student.neck`` it follows the backbone and changes the last feature map. The attention
    map is then tapped as ``neck.spatial``. The module also accepts and returns a single map.

    Args:
        in_channels: Channels ``C`` of the map.
        reduction: The hidden layer of the channel weights has ``C / reduction`` units.
        kernel_size: Kernel size of the convolution of the attention map, odd.

    Shape:
        - input: feature maps, the last of which is ``(B, C, h, w)``, or that map alone
        - output: the same, with that map weighted

    Raises:
        ValueError: If ``kernel_size`` is even, or the map does not have ``in_channels`` channels.

    Source: Woo et al., CBAM (arXiv:1807.06521), with the batch norm before the last sigmoid of the
        authors' code; used behind ``inception_5b`` by TAC-CCL.
    """

    def __init__(self, in_channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected kernel_size of CBAM to be odd, but got {kernel_size}.")
        self.in_channels = in_channels
        self.channel = ChannelGate(in_channels, reduction)
        self.spatial = SpatialGate(kernel_size)

    def forward(self, inputs: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
        """Weight the map, or the last of several maps."""
        x = inputs if isinstance(inputs, Tensor) else inputs[-1]
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"Expected in_channels of CBAM to be {x.shape[1]}, the channels of the feature "
                f"map, but got {self.in_channels}."
            )
        x = x * self.channel(x)
        x = x * self.spatial(x)
        return x if isinstance(inputs, Tensor) else (*inputs[:-1], x)
