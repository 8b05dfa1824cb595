# SPDX-License-Identifier: Apache-2.0
"""What a map of pixels says at the positions of another one."""

from collections.abc import Sequence

import torch
from torch import Tensor


def at_positions(pixels: Tensor, size: Sequence[int]) -> Tensor:
    """A map at the points of another grid: the nearest pixel of each.

    The grids run from corner to corner, as those of a network with ``align_corners=True`` do.

    Args:
        pixels: ``(B, H, W)`` of any type: classes, valid or not.
        size: Height and width of the grid.

    Returns:
        ``(B, *size)`` of the same type.
    """
    rows, columns = (
        torch.linspace(0, length - 1, cells, device=pixels.device).round().long()
        for length, cells in zip(pixels.shape[1:], size, strict=True)
    )
    return pixels[:, rows[:, None], columns]
