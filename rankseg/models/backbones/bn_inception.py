# SPDX-License-Identifier: Apache-2.0
"""BN-Inception, for the Caffe weights that metric learning often starts from."""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.models.backbones.staged import StagedBackbone
from rankseg.registry import MODELS

BLOCKS = {
    # 1x1; reduction and output of the 3x3 branch, then of the double 3x3 branch; pooled branch
    "3a": (64, (64, 64), (64, 96), 32),
    "3b": (64, (64, 96), (64, 96), 64),
    "3c": (0, (128, 160), (64, 96), 0),
    "4a": (224, (64, 96), (96, 128), 128),
    "4b": (192, (96, 128), (96, 128), 128),
    "4c": (160, (128, 160), (128, 160), 128),
    "4d": (96, (128, 192), (160, 192), 128),
    "4e": (0, (128, 192), (192, 256), 0),
    "5a": (352, (192, 320), (160, 224), 128),
    "5b": (352, (192, 320), (192, 224), 128),
}
"""Channels of the Inception blocks; those without a 1x1 branch halve the size."""

FIRST = "conv1_7x7_s2"
RELEASED = re.compile(r"^(inception_\d[a-e])_")


def add_conv(
    module: nn.Module, name: str, in_channels: int, channels: int, kernel: int = 1, stride: int = 1
) -> None:
    """Add a convolution with bias, its batch normalization and a ReLU to a module."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2)
    module.add_module(name, conv)
    module.add_module(f"{name}_bn", nn.BatchNorm2d(channels))
    module.add_module(f"{name}_relu", nn.ReLU(inplace=True))


class CeilMaxPool(nn.MaxPool2d):
    """Max pooling of 3 x 3 positions with stride 2 that rounds the size up.

    An odd size ``n`` gives ``(n + 1) / 2``, as in the parallel convolutions. The pretrained weights
    were trained at 224 px, where all sizes are even.
    """

    def __init__(self) -> None:
        super().__init__(3, stride=2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``(B, C, H, W)`` to half the size, rounded up."""
        height, width = x.shape[2:]
        if height % 2 or width % 2:
            x = F.pad(x, (0, width % 2, 0, height % 2), value=-torch.inf)
        return super().forward(x)


class BNInceptionBlock(nn.Module):
    """Parallel branches: 1x1, 3x3, double 3x3 and pooling; without the 1x1 branch, of stride 2.

    See :data:`BLOCKS` for the channels; 0 leaves out the branch, or the convolution after pooling.
    """

    def __init__(
        self,
        in_channels: int,
        first: int,
        second: tuple[int, int],
        third: tuple[int, int],
        pooled: int,
        average: bool,
    ) -> None:
        super().__init__()
        stride = 1 if first else 2
        self.out_channels = first + second[1] + third[1] + (pooled or in_channels)
        if first:
            add_conv(self, "1x1", in_channels, first)
        add_conv(self, "3x3_reduce", in_channels, second[0])
        add_conv(self, "3x3", *second, kernel=3, stride=stride)
        add_conv(self, "double_3x3_reduce", in_channels, third[0])
        add_conv(self, "double_3x3_1", *third, kernel=3)
        add_conv(self, "double_3x3_2", third[1], third[1], kernel=3, stride=stride)
        same = nn.AvgPool2d if average else nn.MaxPool2d
        self.pool = same(3, 1, 1) if stride == 1 else CeilMaxPool()
        if pooled:
            add_conv(self, "pool_proj", in_channels, pooled)
        branches = ("1x1", "3x3_reduce 3x3", "double_3x3_reduce double_3x3_1 double_3x3_2", "pool")
        starts = branches if first else branches[1:]
        self.branches = [start.split() for start in starts]
        self.branches[-1] += ["pool_proj"] * bool(pooled)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``."""
        return torch.cat([self._run(names, x) for names in self.branches], 1)

    def _run(self, names: list[str], x: Tensor) -> Tensor:
        for name in names:
            for part in (name, f"{name}_bn", f"{name}_relu"):
                if part in self._modules:
                    x = self._modules[part](x)
        return x


@MODELS.register_module()
class BNInception(StagedBackbone):
    """BN-Inception (Inception v2) as trained with Caffe.

    With a linear classifier of 1,000 classes it has 11,295,240 parameters. The weights of Cadene's
    ``pretrainedmodels`` load strictly: ``inception_3a_1x1.weight`` there is
    ``inception_3a.1x1.weight`` here, and the first convolution, which expects B, G, R there, is
    converted to R, G, B. They expect gray levels from 0 to 255 minus their mean: set the
    preprocessor to ``mean=[128, 117, 104]`` and ``std=[1, 1, 1]``.

    Args:
        in_channels: Channels of the image.
        **kwargs: Further arguments of :class:`~rankseg.models.backbones.staged.StagedBackbone`.

    Shape:
        - input: ``(B, in_channels, H, W)``; from 64 pixels on the last map is 2 x 2 or larger
        - output: maps of 192, 320, 608 and 1024 channels at stride 4, 8, 16 and 32, those of
          ``conv2_3x3_relu``, ``inception_3b``, ``inception_4d`` and ``inception_5b``; the last map
          of an image of 224 px is 7 x 7, of 227 px 8 x 8

    Source: Ioffe and Szegedy (arXiv:1502.03167), in the form of the weights. Differences: running
        statistics have a momentum of 0.1, in Cadene's code 0.9.
    """

    WEIGHTS = "bn_inception-52deb4733.pth of Cadene's pretrainedmodels"
    STAGES = ("conv2_3x3_relu", "inception_3b", "inception_4d", "inception_5b")

    def __init__(self, in_channels: int = 3, **kwargs) -> None:
        super().__init__(**kwargs)
        add_conv(self, FIRST, in_channels, 64, kernel=7, stride=2)
        self.pool1_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        add_conv(self, "conv2_3x3_reduce", 64, 64)
        add_conv(self, "conv2_3x3", 64, 192, kernel=3)
        self.pool2_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels = 192
        for name, branches in BLOCKS.items():
            average = branches[0] > 0 and name != "5b"
            block = BNInceptionBlock(channels, *branches, average=average)
            self.add_module(f"inception_{name}", block)
            channels = block.out_channels

    def rename_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Convert weights of Cadene's package to the names and the color order of this network.

        A state dict without any of those names is returned unchanged.
        """
        if not any(RELEASED.match(name) for name in state):
            return state
        renamed = {RELEASED.sub(r"\1.", name): value for name, value in state.items()}
        first = renamed.get(f"{FIRST}.weight")
        if first is not None:
            renamed[f"{FIRST}.weight"] = first.flip(1)
        return renamed
