# SPDX-License-Identifier: Apache-2.0
"""Sheet of images beside their masks, to check that they belong together."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.imageio.masks import IGNORE
from rankseg.visualization.overlay import UNKNOWN, draw_foreground_overlay
from rankseg.visualization.panel import FONT, INK, draw_panel, fit

CELL = (200, 240)
COLUMNS = 2  # samples per row
STRIP = 18  # height of the name below a picture, in pixels


class MaskedImage(NamedTuple):
    """Image with its mask.

    Attributes:
        name: Text below the image.
        image: uint8 ``(H, W, 3)`` RGB.
        mask: ``(H, W)`` uint8 class ids, 255 for ignore.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray


def draw_mask_sheet(
    samples: Sequence[MaskedImage], classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """Draw images beside the same images with their masks overlaid, with a legend.

    Args:
        samples: Images with their masks.
        classes: Names in id order.
        palette: RGB colors.

    Returns:
        uint8 RGB.
    """
    columns = min(COLUMNS, len(samples))
    pictures = []
    for sample in samples:
        image = fit(sample.image, CELL)
        height, width = image.shape[:2]
        mask = cv2.resize(sample.mask, (width, height), interpolation=cv2.INTER_NEAREST)
        over = draw_foreground_overlay(image, mask, palette)
        pictures += [_named(image, sample.name), _named(over, "")]
    blank = np.full_like(pictures[0], 255)
    pictures += [blank] * (-len(pictures) % (2 * columns))
    rows = [pictures[i : i + 2 * columns] for i in range(0, len(pictures), 2 * columns)]
    legend, colors = list(classes), list(palette)
    if any((sample.mask == IGNORE).any() for sample in samples):
        legend, colors = [*legend, "(ignored)"], [*colors, UNKNOWN]
    cell = CELL[0] + STRIP, CELL[1]
    return draw_panel(rows, ["image", "with its mask"] * columns, legend, colors, cell)


def _named(picture: np.ndarray, name: str) -> np.ndarray:
    """Add the name on a white strip below a picture; a long name keeps only its end."""
    strip = np.full((STRIP, picture.shape[1], 3), 255, np.uint8)
    while cv2.getTextSize(name, FONT, 0.4, 1)[0][0] > picture.shape[1] > 0 and name:
        name = name[1:]
    cv2.putText(strip, name, (1, STRIP - 5), FONT, 0.4, INK, 1, cv2.LINE_AA)
    return np.concatenate([picture, strip])
