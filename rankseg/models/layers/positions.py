# SPDX-License-Identifier: Apache-2.0
"""Nearest-neighbor sampling of a map at the positions of another grid."""

from collections.abc import Sequence

import torch
from torch import Tensor


def at_positions(pixels: Tensor, size: Sequence[int]) -> Tensor:
    """Sample a map at the points of another grid by nearest neighbor.

    The grids span from corner to corner, as those of a network with ``align_corners=True`` do.

    Args:
        pixels: ``(B, H, W)`` of any type, such as classes or a mask.
        size: Height and width of the grid.

    Returns:
        ``(B, *size)`` of the same type.
    """
    rows, columns = (
        torch.linspace(0, length - 1, cells, device=pixels.device).round().long()
        for length, cells in zip(pixels.shape[1:], size, strict=True)
    )
    return pixels[:, rows[:, None], columns]
