# SPDX-License-Identifier: Apache-2.0
"""Wide residual network for images of 32 pixels, as used by FixMatch."""

from collections.abc import Mapping

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.errors import expect
from rankseg.models.backbones.staged import INIT
from rankseg.registry import MODELS


class PreActivationBlock(nn.Module):
    """Residual block of two 3x3 convolutions, each after normalization and leaky ReLU.

    With ``activate_shortcut``, the shortcut starts at the activated input.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        slope: float,
        norm_cfg: Mapping,
        activate_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.activate_shortcut = activate_shortcut
        self.norm1 = build_norm_layer(norm_cfg, in_channels)[1]
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = build_norm_layer(norm_cfg, channels)[1]
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = nn.Identity()
        if in_channels != channels:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, channels, H / stride, W / stride)``."""
        active = F.leaky_relu(self.norm1(x), self.slope)
        y = F.leaky_relu(self.norm2(self.conv1(active)), self.slope, inplace=True)
        return self.shortcut(active if self.activate_shortcut else x) + self.conv2(y)


@MODELS.register_module()
class WideResNet(BaseModule):
    """WRN-depth-width with leaky ReLU and slow running statistics.

    With a linear classifier on the averaged last map, WRN-28-2 has 1,467,610 parameters for 10
    classes and WRN-28-8 has 23,401,012 for 100.

    Args:
        depth: Number of layers, ``6 n + 4`` for ``n`` blocks per stage: 10, 16, 22, 28, ...
        width: Factor on the channels 16, 32 and 64 of the stages.
        in_channels: Channels of the image.
        slope: Negative slope of the leaky ReLU.
        norm_cfg: Config of the normalization. The running statistics have a momentum of 0.001. If
            training has fewer than about ten thousand iterations, set ``momentum=0.01`` or 0.1.
        init_cfg: Initialization config of MMEngine; that of the paper by default.

    Shape:
        - input: ``(B, in_channels, H, W)``
        - output: maps of ``(16, 32, 64) * width`` channels at stride 1, 2 and 4; the last one is
          normalized and activated

    Raises:
        ValueError: If ``depth`` is not ``6 n + 4``.

    Source: Zagoruyko and Komodakis (arXiv:1605.07146) in the form of FixMatch (arXiv:2001.07685).
    """

    def __init__(
        self,
        depth: int = 28,
        width: int = 2,
        in_channels: int = 3,
        slope: float = 0.1,
        norm_cfg: Mapping = dict(type="BN", momentum=0.001, eps=0.001),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        blocks, rest = divmod(depth - 4, 6)
        valid = not rest and blocks >= 1
        expect(valid, "depth of WideResNet", "6 n + 4, such as 10, 16, 22 or 28", depth)
        super().__init__(init_cfg or INIT)
        self.slope = slope
        self.stem = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.stages = nn.ModuleList()
        before = 16
        for number, channels in enumerate((16 * width, 32 * width, 64 * width)):
            first = PreActivationBlock(
                before, channels, 2 if number else 1, slope, norm_cfg, activate_shortcut=not number
            )
            others = [
                PreActivationBlock(channels, channels, 1, slope, norm_cfg)
                for _ in range(blocks - 1)
            ]
            self.stages.append(nn.Sequential(first, *others))
            before = channels
        self.norm = build_norm_layer(norm_cfg, before)[1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the three stages."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[-1] = F.leaky_relu(self.norm(x), self.slope)
        return tuple(maps)
