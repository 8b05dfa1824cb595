# SPDX-License-Identifier: Apache-2.0
"""A light decoder: from features to logits by sub-pixel convolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SubpixelDecoder(nn.Module):
    """A 1x1 convolution to the classes, then steps that double the size by sub-pixel convolution.

    A step is a 1x1 convolution to ``4K`` channels, of which four neighbours are made, with a ReLU
    before it; its weights begin so that the four are equal (ICNR).

    Args:
        in_channels: Channels of the features.
        num_classes: ``K``.
        steps: How often the size is doubled; 0 is a plain classifier.

    Shape:
        - input: ``(B, in_channels, h, w)``
        - output: ``(B, K, *size)``

    Raises:
        ValueError: If ``steps`` is negative.

    Source: CCT (CVPR 2020), section 3.2: "a 1x1 convolution, then three sub-pixel convolutions",
        from stride 8 to the image. There is a ReLU in every step, here there is none after the
        last, so that logits may be negative.
    """

    def __init__(self, in_channels: int, num_classes: int, steps: int) -> None:
        super().__init__()
        if steps < 0:
            raise ValueError(f"steps={steps} of SubpixelDecoder: expected 0 or more")
        self.steps = steps
        classify = nn.Conv2d(in_channels, num_classes, 1, bias=False)
        nn.init.kaiming_normal_(classify.weight, nonlinearity="relu")
        layers: list[nn.Module] = [classify]
        for _ in range(steps):
            layers += [nn.ReLU(), subpixel_conv(num_classes), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """Logits of the given height and width."""
        return fit(self.layers(features), size, 2**self.steps)


def subpixel_conv(channels: int) -> nn.Conv2d:
    """1x1 convolution that makes four equal values of every one, before it is trained."""
    conv = nn.Conv2d(channels, 4 * channels, 1)
    weight = torch.empty_like(conv.weight[::4])
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    with torch.no_grad():
        conv.weight.copy_(weight.repeat_interleave(4, 0))
        conv.bias.zero_()
    return conv


def fit(logits: Tensor, size: Sequence[int], scale: int) -> Tensor:
    """Bring the output of sub-pixel convolutions to a size.

    Each feature has become ``scale x scale`` values around its place. On a grid from corner to
    corner the outer half of those at the border lies outside: it is cut off, so that every value
    is at its place. Where the sizes differ by more, they are interpolated.

    Args:
        logits: ``(B, K, h, w)``.
        size: Wanted height and width.
        scale: Values that were made of a feature, along one side.
    """
    over = [have - wanted for have, wanted in zip(logits.shape[2:], size, strict=True)]
    if all(0 <= one < scale for one in over):
        top, left = ((one + 1) // 2 for one in over)
        return logits[:, :, top : top + size[0], left : left + size[1]]
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=True)
