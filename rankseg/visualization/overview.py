# SPDX-License-Identifier: Apache-2.0
"""Overview page of predictions: each image beside its mask, with the shares of the classes."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.panel import FONT, INK, MARGIN, cut_text, draw_legend, fit

LAYOUTS = ((2, 1, 560), (12, 2, 320), (10**9, 3, 220))
"""Maximum number of images, columns, and longest side of a picture in pixels."""
LINE = 16  # height of a line of text
SIZE = 0.42


class OverviewEntry(NamedTuple):
    """Image of the page with its prediction.

    Attributes:
        image: uint8 RGB.
        overlay: uint8 RGB of the same size.
        lines: Two lines of text.
    """

    image: np.ndarray
    overlay: np.ndarray
    lines: tuple[str, str]


def layout(number: int) -> tuple[int, int]:
    """Return the columns and the longest picture side in pixels for a number of images."""
    return next((columns, cell) for most, columns, cell in LAYOUTS if number <= most)


def overview_entry(
    image: np.ndarray,
    overlay: np.ndarray,
    name: str,
    shares: Sequence[float],
    classes: Sequence[str],
    cell: int,
) -> OverviewEntry:
    """Prepare an image of the page, shrunk to save memory.

    Args:
        image: uint8 RGB.
        overlay: uint8 RGB of the same size.
        name: Name of the image.
        shares: Share of each class in percent.
        classes: Names of the classes.
        cell: Longest side of the stored pictures, see :func:`layout`.
    """
    order = np.argsort(shares, kind="stable")[::-1]
    parts = [f"{classes[k]} {shares[k]:.1f}%" for k in order if shares[k] > 0]
    small = (fit(picture, (cell, cell)) for picture in (image, overlay))
    return OverviewEntry(*small, (name, ", ".join(parts)))


def draw_overview(
    pictures: Sequence[OverviewEntry], classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """Draw images in rows on white, each beside its prediction, with a legend below.

    Args:
        pictures: Images in the order of the page.
        classes: Class names of the legend.
        palette: RGB colors of the classes.

    Returns:
        uint8 RGB.
    """
    columns, _ = layout(len(pictures))
    tall = max(one.image.shape[0] for one in pictures)
    wide = max(one.image.shape[1] for one in pictures)
    width, height = 2 * wide + 3 * MARGIN, tall + 2 * LINE + 2 * MARGIN
    rows = -(-len(pictures) // columns)
    page = np.full((MARGIN + rows * height, MARGIN + columns * width, 3), 255, np.uint8)
    for i, one in enumerate(pictures):
        y, x = MARGIN + i // columns * height, MARGIN + i % columns * width
        for picture in (one.image, one.overlay):
            page[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            x += wide + MARGIN
        x -= 2 * (wide + MARGIN)
        for number, text in enumerate(one.lines, start=1):
            at = x, y + tall + number * LINE - 3
            text = cut_text(text, width - 2 * MARGIN, SIZE)
            cv2.putText(page, text, at, FONT, SIZE, INK, 1, cv2.LINE_AA)
    return np.concatenate([page, draw_legend(classes, palette, page.shape[1])])
