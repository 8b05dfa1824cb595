# SPDX-License-Identifier: Apache-2.0
"""Contact sheet: many small pictures on one page, each with two lines of text."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.panel import FONT, INK, MARGIN, cut_text, fit

LINE = 14  # height of a line of text, in pixels
SIZE = 0.4
RIGHT, WRONG = (0, 120, 0), (190, 0, 0)


class SheetEntry(NamedTuple):
    """Picture of the page with its prediction.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        truth: Name of the true class.
        predicted: Name of the predicted class.
        confidence: Probability of the predicted class, in ``[0, 1]``.
    """

    image: np.ndarray
    truth: str
    predicted: str
    confidence: float

    @property
    def place(self) -> tuple[bool, float]:
        """Sort key of the page: wrong predictions first, the most confident of them ahead."""
        right = self.truth == self.predicted
        return right, self.confidence if right else -self.confidence


def draw_contact_sheet(
    predictions: Sequence[SheetEntry], columns: int = 10, cell: int = 96
) -> np.ndarray:
    """Draw pictures in rows on white, with the prediction and, if that is wrong, the true class.

    Args:
        predictions: Pictures in the order of the page.
        columns: Pictures per row.
        cell: Longest side of a picture in pixels; each is scaled to it.

    Returns:
        uint8 RGB.
    """
    columns = max(1, min(columns, len(predictions)))
    rows = -(-len(predictions) // columns)
    height, width = cell + 2 * LINE + MARGIN, cell + MARGIN
    page = np.full((MARGIN + rows * height, MARGIN + columns * width, 3), 255, np.uint8)
    for i, one in enumerate(predictions):
        y, x = MARGIN + i // columns * height, MARGIN + i % columns * width
        picture = fit(one.image, (cell, cell))
        page[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        right = one.truth == one.predicted
        lines = [(f"{100 * one.confidence:.0f}% {one.predicted}", RIGHT if right else WRONG)]
        lines += [] if right else [(f"is {one.truth}", INK)]
        for number, (text, color) in enumerate(lines, 1):
            at = x, y + cell + number * LINE - 3
            cv2.putText(page, cut_text(text, cell, SIZE), at, FONT, SIZE, color, 1, cv2.LINE_AA)
    return page
