# SPDX-License-Identifier: Apache-2.0
"""Attention in two views of an image, to see whether it follows the image (figure 4.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.agent_maps import heat_over
from rankseg.visualization.panel import draw_panel, fit

CELL = 180, 180  # size of a picture, in pixels
TITLES = ("view x", "attention M", "view x'", "attention M'", "M' as x sees it")


class AttentionPair(NamedTuple):
    """Two views of an image with their attention maps.

    Attributes:
        images: Both views, ``(S, S, 3)`` uint8 RGB.
        attention: Attention map of each view, ``(S, S)`` float.
        mapped: Attention of the second view mapped to the first view, ``(S, S)``.
        inside: ``(S, S)`` bool, true for points that the second view shows.
    """

    images: tuple[np.ndarray, np.ndarray]
    attention: tuple[np.ndarray, np.ndarray]
    mapped: np.ndarray
    inside: np.ndarray


def draw_attention(pairs: Sequence[AttentionPair]) -> np.ndarray:
    """Draw a row per pair: both views and attention maps, and the second map in the first view.

    Colors have the same scale within a row: blue is the smallest attention of its maps, red the
    largest. The second and the last picture should look alike. Gray areas are not in the other
    view.

    Args:
        pairs: Pairs of views, at least one.

    Returns:
        uint8 RGB.
    """
    rows = []
    for pair in pairs:
        first, second = (fit(image, CELL) for image in pair.images)
        low = min(map(np.min, pair.attention))
        span = max(map(np.max, pair.attention)) - low
        # in gray, so that the only colors are those of the attention
        gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
        gray = [cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) for image in gray]
        back = heat_over(gray[0], pair.mapped - low, span)
        shown = fit(pair.inside.astype(np.uint8), CELL).astype(bool)
        back[~shown] = back[~shown] // 8 + 190
        maps = [
            heat_over(image, attention - low, span)
            for image, attention in zip(gray, pair.attention, strict=True)
        ]
        rows.append([first, maps[0], second, maps[1], back])
    return draw_panel(rows, TITLES, cell=CELL)
