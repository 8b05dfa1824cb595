# SPDX-License-Identifier: Apache-2.0
"""Label maps in color, alone or over their image."""

from collections.abc import Sequence

import numpy as np

UNKNOWN = (255, 255, 255)  # color of 255 and of every value without a color


def color_map(label: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Convert a label map to colors.

    Args:
        label: ``(H, W)`` integers in ``[0, 255]``; a value beyond the palette, such as 255 for
            "ignore", becomes white.
        palette: One RGB color per class, each channel in ``[0, 255]``.

    Returns:
        uint8 ``(H, W, 3)`` RGB.
    """
    table = np.full((256, 3), UNKNOWN, np.uint8)
    table[: len(palette)] = np.asarray(palette, np.uint8)
    return table[np.asarray(label).astype(np.uint8)]


def draw_overlay(
    image: np.ndarray, label: np.ndarray, palette: Sequence[Sequence[int]], opacity: float = 0.6
) -> np.ndarray:
    """Overlay a colored label map on its image.

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        label: ``(H, W)`` class ids, see :func:`color_map`.
        palette: One RGB color per class.
        opacity: Share of the colors in ``[0, 1]``; the rest is the image.

    Returns:
        uint8 ``(H, W, 3)`` RGB.

    Raises:
        ValueError: If image and label differ in size.
    """
    if image.shape[:2] != label.shape:
        raise ValueError(
            f"image of {image.shape[:2]} and label map of {label.shape} (rows, columns) differ in "
            "size: bring the prediction to the size of the image first"
        )
    mixed = opacity * color_map(label, palette) + (1 - opacity) * image
    return np.rint(mixed).astype(np.uint8)


def draw_foreground_overlay(
    image: np.ndarray, label: np.ndarray, palette: Sequence[Sequence[int]], opacity: float = 0.5
) -> np.ndarray:
    """Overlay as :func:`draw_overlay`, but keep the image where the color is black (background).

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        label: ``(H, W)`` class ids.
        palette: One RGB color per class.
        opacity: Share of the other colors in ``[0, 1]``.

    Returns:
        uint8 ``(H, W, 3)`` RGB.
    """
    picture = draw_overlay(image, label, palette, opacity)
    bare = ~color_map(label, palette).any(-1)
    picture[bare] = image[bare]
    return picture
