# SPDX-License-Identifier: Apache-2.0
"""The released network and its evaluation, written from their description."""

from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 4  # a sixteenth of the released network


def unit(
    inputs: int, outputs: int, kernel: int = 1, rate: int = 1, stride: int = 1
) -> list[nn.Module]:
    """Return a convolution, a batch norm and a ReLU."""
    pad = rate * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, dilation=rate, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


class Block(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, rate: int, first: bool) -> None:
        super().__init__()
        self.conv1, self.bn1, _ = unit(inputs, width)
        self.conv2, self.bn2, _ = unit(width, width, 3, rate, stride)
        self.conv3, self.bn3, _ = unit(width, 4 * width)
        self.downsample = (
            nn.Sequential(*unit(inputs, 4 * width, stride=stride)[:2]) if first else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        return (self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x)).relu()


class Released(nn.Module):
    """The released network: DeepLabv3+ on a ResNet with a deep stem, with its names.

    Stages have the strides 4, 8, 16, 16; the last is dilated by 2 from its second block on. ASPP
    has the rates 6, 12, 18. All maps are resized with aligned corners. The third stage has 6 (R-50)
    or 23 (R-101) blocks, and the stem ``w`` channels, 64 in the released network.
    """

    def __init__(self, third: int = 6, classes: int = 5, w: int = WIDTH) -> None:
        super().__init__()
        stem = [*unit(3, w, 3, stride=2), *unit(w, w, 3), unit(w, 2 * w, 3)[0]]
        self.backbone = nn.ModuleDict({"conv1": nn.Sequential(*stem), "bn1": nn.BatchNorm2d(2 * w)})
        inputs = 2 * w
        for stage, blocks, scale in zip(count(1), (3, 4, third, 3), (1, 2, 4, 8), strict=False):
            stride, rate = (1, 1) if stage == 1 else (2, 1) if stage < 4 else (1, 2)
            chain = nn.Sequential()
            for i in range(blocks):
                step = (stride, 1) if i == 0 else (1, rate)
                chain.append(Block(inputs, scale * w, *step, first=i == 0))
                inputs = 4 * scale * w
            self.backbone[f"layer{stage}"] = chain
        c = 4 * w
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *unit(inputs, c))
        self.head = nn.ModuleDict(
            {
                "b0": nn.Sequential(*unit(inputs, c)),
                **{f"b{i}": nn.Sequential(*unit(inputs, c, 3, 6 * i)) for i in (1, 2, 3)},
                "b4": nn.ModuleDict({"gap": pool}),
                "project": nn.Sequential(*unit(5 * c, c)),
            }
        )
        self.reduce = nn.Sequential(*unit(c, 48))
        self.fuse = nn.Sequential(*unit(c + 48, c, 3), *unit(c, c, 3))
        self.classifier = nn.Conv2d(c, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits at the size of the image."""

        def up(x, like):
            return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)

        x = self.backbone["bn1"](self.backbone["conv1"](image)).relu()
        low = self.backbone["layer1"](F.max_pool2d(x, 3, 2, 1))
        top = low
        for stage in (2, 3, 4):
            top = self.backbone[f"layer{stage}"](top)
        branches = [self.head[f"b{i}"](top) for i in range(4)]
        branches.append(up(self.head["b4"]["gap"](top), top))
        x = torch.cat([self.reduce(low), up(self.head["project"](torch.cat(branches, 1)), low)], 1)
        return up(self.classifier(self.fuse(x)), image)


@torch.no_grad()
def evaluate_released(network: nn.Module, image: Tensor, grid: int | None = None) -> Tensor:
    """Return the classes of an image ``(B, 3, H, W)``, ``(B, H, W)``, whole or by windows.

    Windows of the side ``grid`` start every two thirds of it from the upper left corner and end at
    the image. Their probabilities are added up.
    """
    if grid is None:
        return network(image).argmax(1)
    height, width = image.shape[2:]
    total = torch.zeros(len(image), network.classifier.out_channels, height, width)
    row = 0
    while row < height:
        column = 0
        while column < width:
            below, right = min(height, row + grid), min(width, column + grid)
            logits = network(image[:, :, row:below, column:right])
            total[:, :, row:below, column:right] += logits.softmax(1)
            column += int(grid * 2 / 3)
        row += int(grid * 2 / 3)
    return total.argmax(1)
