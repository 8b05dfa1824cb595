# SPDX-License-Identifier: Apache-2.0
"""Pairs of images side by side, with lines between the keypoints that match."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.panel import draw_panel, fit

HEIGHT = 200  # height of a picture, in pixels
GAP = 8
TRUE, FALSE, UNKNOWN = (40, 150, 70), (215, 30, 30), (25, 95, 215)


class ImagePair(NamedTuple):
    """Pair of matched images.

    Attributes:
        images: Two images, ``(H, W, 3)`` uint8 RGB.
        keypoints: ``(M, 4)`` normalized ``(x, y)`` in the first and in the second image; rows with
            NaN are skipped.
        score: Number of keypoints that agree.
        same: Whether both have the same class; None if unknown.
    """

    images: tuple[np.ndarray, np.ndarray]
    keypoints: np.ndarray
    score: int
    same: bool | None


def draw_matches(pairs: Sequence[ImagePair], columns: int = 3) -> np.ndarray:
    """Draw pairs in rows, with boxes around the matches: green for one class, red for two.

    Args:
        pairs: Pairs of images, at least one.
        columns: Pairs per row.

    Returns:
        uint8 RGB.
    """
    pictures = [_draw_pair(pair) for pair in pairs]
    words = {True: "one class", False: "two classes", None: ""}
    titles = [f"{pair.score} keypoints  {words[pair.same]}".strip() for pair in pairs]
    cell = HEIGHT, max(picture.shape[1] for picture in pictures)
    columns = min(columns, len(pictures))
    blank = [np.full((1, 1, 3), 255, np.uint8)] * (-len(pictures) % columns)
    pictures, titles = pictures + blank, titles + [""] * len(blank)
    rows = range(0, len(pictures), columns)
    return np.concatenate(
        [draw_panel([pictures[i : i + columns]], titles[i : i + columns], cell=cell) for i in rows]
    )


def _draw_pair(pair: ImagePair) -> np.ndarray:
    """Draw both images at one height, with boxes and lines."""
    first, second = (fit(image, (HEIGHT, 3 * HEIGHT)) for image in pair.images)
    height = max(len(first), len(second))
    canvas = np.full((height, first.shape[1] + GAP + second.shape[1], 3), 255, np.uint8)
    canvas[: len(first), : first.shape[1]] = first
    canvas[: len(second), first.shape[1] + GAP :] = second
    for image, left in ((first, 0), (second, first.shape[1] + GAP)):
        corner = left + image.shape[1] - 1, len(image) - 1
        cv2.rectangle(canvas, (left, 0), corner, (200, 200, 200), 1)
    known = pair.keypoints[np.isfinite(pair.keypoints).all(1)]
    color = {True: TRUE, False: FALSE, None: UNKNOWN}[pair.same]
    places = [
        (points + 1) / 2 * image.shape[1::-1] - 0.5 + (left, 0)
        for points, image, left in (
            (known[:, :2], first, 0),
            (known[:, 2:], second, first.shape[1] + GAP),
        )
    ]
    for a, b in zip(*(np.rint(points).astype(int).tolist() for points in places), strict=True):
        cv2.line(canvas, a, b, (250, 200, 40), 1, cv2.LINE_AA)
        for point in (a, b):
            cv2.circle(canvas, point, 2, color, -1, cv2.LINE_AA)
    for points in places if len(known) else ():
        low, high = (np.rint(f(points, 0)).astype(int).tolist() for f in (np.min, np.max))
        cv2.rectangle(canvas, low, high, color, 2)
    return canvas
