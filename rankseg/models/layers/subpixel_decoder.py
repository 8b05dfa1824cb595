# SPDX-License-Identifier: Apache-2.0
"""Light decoder from features to logits by sub-pixel convolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.errors import expect


class SubpixelDecoder(nn.Module):
    """Decoder of a 1x1 convolution to the classes and sub-pixel convolutions that double the size.

    A step is a ReLU, a 1x1 convolution to ``4K`` channels, and their rearrangement to four
    neighbors. Its weights are initialized so that the four are equal (ICNR).

    Args:
        in_channels: Channels of the features.
        num_classes: ``K``.
        steps: Number of times the size is doubled; 0 is a plain classifier.

    Shape:
        - input: ``(B, in_channels, h, w)``
        - output: ``(B, K, *size)``

    Raises:
        ValueError: If ``steps`` is negative.

    Source: CCT (CVPR 2020), section 3.2: "a 1x1 convolution, then three sub-pixel convolutions",
        from stride 8 to the image. The paper has a ReLU in every step; here there is none after the
        last, so that logits may be negative.
    """

    def __init__(self, in_channels: int, num_classes: int, steps: int) -> None:
        super().__init__()
        expect(steps >= 0, "steps of SubpixelDecoder", "0 or more", steps)
        self.steps = steps
        classify = nn.Conv2d(in_channels, num_classes, 1, bias=False)
        nn.init.kaiming_normal_(classify.weight, nonlinearity="relu")
        layers: list[nn.Module] = [classify]
        for _ in range(steps):
            layers += [nn.ReLU(), subpixel_conv(num_classes), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """Return logits of the given height and width."""
        return fit(self.layers(features), size, 2**self.steps)


def subpixel_conv(channels: int) -> nn.Conv2d:
    """Build a 1x1 convolution that turns every value into four, equal at initialization."""
    conv = nn.Conv2d(channels, 4 * channels, 1)
    weight = torch.empty_like(conv.weight[::4])
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    with torch.no_grad():
        conv.weight.copy_(weight.repeat_interleave(4, 0))
        conv.bias.zero_()
    return conv


def fit(logits: Tensor, size: Sequence[int], scale: int) -> Tensor:
    """Bring the output of sub-pixel convolutions, ``(B, K, h, w)``, to a size.

    Each feature has become ``scale x scale`` values around its position. On a grid that spans from
    corner to corner, the outer half of the values at the border is outside the image. It is cut
    off, so that every value is at its position. If the sizes differ by more, the logits are
    interpolated.
    """
    over = [have - wanted for have, wanted in zip(logits.shape[2:], size, strict=True)]
    if all(0 <= one < scale for one in over):
        top, left = ((one + 1) // 2 for one in over)
        return logits[:, :, top : top + size[0], left : left + size[1]]
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=True)
