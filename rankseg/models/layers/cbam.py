# SPDX-License-Identifier: Apache-2.0
"""Attention over channels, then over places."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rankseg.registry import MODELS


class ChannelGate(nn.Module):
    """Weight of every channel: ``(B, C, h, w)`` to ``(B, C, 1, 1)`` in (0, 1)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """One perceptron for the mean and for the maximum over all places."""
        pooled = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return sum(map(self.layers, pooled)).sigmoid()


class SpatialGate(nn.Module):
    """Weight of every place: ``(B, C, h, w)`` to the attention map ``(B, 1, h, w)`` in (0, 1)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """A convolution over the maximum and the mean of the channels."""
        pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1)
        return self.norm(self.conv(pooled)).sigmoid()


@MODELS.register_module()
class CBAM(nn.Module):
    """Convolutional block attention module: channels are weighted, then places.

    As ``student.neck`` it stands behind a backbone and changes its last feature map;
    ``neck.spatial`` is then the tap of the attention map. It takes and returns a single map, too.

    Args:
        in_channels: Channels ``C`` of the map.
        reduction: The hidden layer of the channel weights has ``C / reduction`` units.
        kernel_size: Of the convolution of the attention map, odd.

    Shape:
        - input: feature maps, of which the last is ``(B, C, h, w)``, or that alone
        - output: the same, with that one weighted

    Raises:
        ValueError: If ``kernel_size`` is even, or the map has other channels.

    Source: Woo et al., CBAM (arXiv:1807.06521), with the batch norm before the last sigmoid of the
        authors' code; used behind ``inception_5b`` by TAC-CCL.
    """

    def __init__(self, in_channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} of CBAM: expected an odd number")
        self.in_channels = in_channels
        self.channel = ChannelGate(in_channels, reduction)
        self.spatial = SpatialGate(kernel_size)

    def forward(self, inputs: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
        """Weight the map, or the last of several."""
        x = inputs if isinstance(inputs, Tensor) else inputs[-1]
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"in_channels={self.in_channels} of CBAM, but the feature map has {x.shape[1]}: "
                "set in_channels to that"
            )
        x = x * self.channel(x)
        x = x * self.spatial(x)
        return x if isinstance(inputs, Tensor) else (*inputs[:-1], x)
