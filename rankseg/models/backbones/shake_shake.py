# SPDX-License-Identifier: Apache-2.0
"""Shake-shake: a residual network that mixes two branches with random weights."""

from collections.abc import Mapping

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.errors import expect
from rankseg.models.backbones.staged import INIT
from rankseg.registry import MODELS


def shake(first: Tensor, second: Tensor) -> Tensor:
    """Mix two branches ``(B, C, H, W)`` with random weights, which differ in the backward pass.

    Values are ``a first + (1 - a) second``, gradients those of ``b first + (1 - b) second``. ``a``
    and ``b`` are drawn from U(0, 1) for every image by torch's generator of the device.

    Source: Gastaldi (arXiv:1705.07485), Shake-Shake-Image.
    """
    shape = (2, len(first), *[1] * (first.dim() - 1))
    forward, backward = torch.rand(shape, device=first.device, dtype=first.dtype)
    mixed = torch.lerp(second, first, backward)
    return mixed + ((forward - backward) * (first - second)).detach()


class ShiftedShortcut(nn.Module):
    """Shortcut of stride 2 that keeps every row, since half of the channels see a shifted grid."""

    def __init__(
        self, in_channels: int, channels: int, norm_cfg: Mapping, bias: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * in_channels, channels, 1, groups=2, bias=bias)
        self.norm = build_norm_layer(norm_cfg, channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, channels, (H + 1) // 2, (W + 1) // 2)``."""
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        pair = torch.cat((x[:, :, ::2, ::2], shifted[:, :, ::2, ::2]), 1)
        return self.norm(self.conv(F.relu(pair)))


class ShakeBlock(nn.Module):
    """Residual block of two equal branches (ReLU, 3x3, norm, ReLU, 3x3, norm), mixed at random.

    The bias is that of the convolution of a shortcut of stride 2.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, norm_cfg: Mapping, bias: bool = False
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False),
                build_norm_layer(norm_cfg, channels)[1],
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                build_norm_layer(norm_cfg, channels)[1],
            )
            for _ in range(2)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2:
            self.shortcut = ShiftedShortcut(in_channels, channels, norm_cfg, bias)
        elif in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, bias=False),
                build_norm_layer(norm_cfg, channels)[1],
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, channels, H / stride, W / stride)``."""
        first, second = (branch(x) for branch in self.branches)
        mixed = shake(first, second) if self.training else (first + second) / 2
        return self.shortcut(x) + mixed


@MODELS.register_module()
class ShakeShakeNet(BaseModule):
    """ResNet with shake-shake regularization: depth 26 and 2x32d, 2x64d or 2x96d in the paper.

    In training, both branches of a block are mixed with random weights, see :func:`shake`; in eval
    mode, with equal weights. With a linear classifier of 10 classes on the averaged last map,
    ResNet-26 2x32d has 2.9 million parameters, 2x64d 11.7 and 2x96d 26.2. By default it is the
    network of Mean Teacher's released code, whose 2x96d has 26,197,316 parameters with the second
    output. It differs from the original network in three details, see ``original``.

    Args:
        depth: Number of layers, ``6 n + 2`` for ``n`` blocks per stage: 8, 14, 20, 26, ...
        width: Channels of the first stage, ``32``, ``64`` or ``96`` in the names above; the other
            stages have two and four times as many.
        in_channels: Channels of the image.
        original: Build the network of the shake-shake paper: batch norm after the first
            convolution, no bias in the shortcuts, and a ReLU after the last stage.
        norm_cfg: Config of the normalization.
        init_cfg: Initialization config of MMEngine; that of the paper by default.

    Shape:
        - input: ``(B, in_channels, H, W)``
        - output: maps of ``(1, 2, 4) * width`` channels at stride 1, 2 and 4; if ``original``,
          the last one goes through a ReLU

    Raises:
        ValueError: If ``depth`` is not ``6 n + 2``, or ``width`` is not a positive even number.

    Source: Gastaldi (arXiv:1705.07485), Shake-Shake-Image with random weights in both directions;
        the ResNet-26 of Mean Teacher (NeurIPS 2017), released code, and of Snowball is 2x96d.
    """

    def __init__(
        self,
        depth: int = 26,
        width: int = 96,
        in_channels: int = 3,
        original: bool = False,
        norm_cfg: Mapping = dict(type="BN"),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        blocks, rest = divmod(depth - 2, 6)
        valid = not rest and blocks >= 1
        expect(valid, "depth of ShakeShakeNet", "6 n + 2, such as 8 or 26", depth)
        even = width >= 2 and width % 2 == 0
        expect(even, "width of ShakeShakeNet", "an even number above 0", width)
        super().__init__(init_cfg or INIT)
        self.original = original
        self.stem = nn.Sequential(nn.Conv2d(in_channels, 16, 3, padding=1, bias=False))
        if original:
            self.stem.append(build_norm_layer(norm_cfg, 16)[1])
        self.stages = nn.ModuleList()
        before = 16
        for stride, channels in ((1, width), (2, 2 * width), (2, 4 * width)):
            first = ShakeBlock(before, channels, stride, norm_cfg, bias=not original)
            others = [ShakeBlock(channels, channels, 1, norm_cfg) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *others))
            before = channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the three stages."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        if self.original:
            maps[-1] = F.relu(x)
        return tuple(maps)
