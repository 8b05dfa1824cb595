# SPDX-License-Identifier: Apache-2.0
"""Attention in two views of an image, and whether it moves as the image does (figure 4.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.agent_maps import heat_over
from rankseg.visualization.panel import draw_panel, fit

CELL = 180, 180  # of a picture, in pixels
TITLES = ("view x", "attention M", "view x'", "attention M'", "M' as x sees it")


class AttentionPair(NamedTuple):
    """Two views of an image.

    Attributes:
        images: Both, ``(S, S, 3)`` uint8 RGB.
        attention: Of both, ``(S, S)`` float.
        mapped: The second one's attention where the first view has it, ``(S, S)``.
        inside: ``(S, S)`` bool, whether the second view shows the point.
    """

    images: tuple[np.ndarray, np.ndarray]
    attention: tuple[np.ndarray, np.ndarray]
    mapped: np.ndarray
    inside: np.ndarray


def draw_attention(pairs: Sequence[AttentionPair]) -> np.ndarray:
    """A row for each pair: both views with and without attention, and the second map brought back.

    Within a row colours mean the same: blue is the least attention of its maps, red the most. The
    second and the last picture should look alike; grey is what the other view does not show.

    Args:
        pairs: At least one.

    Returns:
        uint8 RGB.
    """
    rows = []
    for pair in pairs:
        first, second = (fit(image, CELL) for image in pair.images)
        low = min(map(np.min, pair.attention))
        span = max(map(np.max, pair.attention)) - low
        # without colours of their own under those of the attention
        grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
        grey = [cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) for image in grey]
        back = heat_over(grey[0], pair.mapped - low, span)
        shown = fit(pair.inside.astype(np.uint8), CELL).astype(bool)
        back[~shown] = back[~shown] // 8 + 190
        maps = [
            heat_over(image, attention - low, span)
            for image, attention in zip(grey, pair.attention, strict=True)
        ]
        rows.append([first, maps[0], second, maps[1], back])
    return draw_panel(rows, TITLES, cell=CELL)
