# SPDX-License-Identifier: Apache-2.0
"""Downscaling of images and masks with unnecessarily fine pixels, and the suggested factor."""

from collections.abc import Iterable

import cv2
import numpy as np

CROP_IN_OBJECTS = 4
"""Recommended width of a training crop in object widths, so that objects have some context."""
MIN_AREA = 16  # pixels; a smaller component is not an object
MIN_SIDE = 32  # minimum side of the result in pixels


def check_shrink(shrink: float, shape: tuple[int, ...], what: str) -> None:
    """Reject a factor that enlarges the image or makes it too small.

    Raises:
        ValueError: If it does; names the factor and the image.
    """
    if not shrink >= 1 or min(shrunk_size(shape, shrink)) < min(MIN_SIDE, *shape[:2]):
        raise ValueError(
            "Expected --shrink to be 1 or more, such as 2 for half the width and height, and to "
            f"leave at least {MIN_SIDE} pixels of {what}, which is {shape[1]}x{shape[0]}, but got "
            f"{shrink:g}. Choose a smaller factor."
        )


def shrunk_size(shape: tuple[int, ...], shrink: float) -> tuple[int, int]:
    """Return the resulting ``(height, width)``, rounded like ``mmcv.Resize``.

    >>> shrunk_size((768, 1023), 2)
    (384, 512)
    """
    return int(shape[0] / shrink + 0.5), int(shape[1] / shrink + 0.5)


def shrink_image(image: np.ndarray, shrink: float) -> np.ndarray:
    """Average an image over areas of ``shrink`` by ``shrink`` pixels.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        shrink: Factor, 1 or more.
    """
    if shrink == 1:
        return image
    return cv2.resize(image, shrunk_size(image.shape, shrink)[::-1], interpolation=cv2.INTER_AREA)


def shrink_mask(mask: np.ndarray, shrink: float) -> np.ndarray:
    """Shrink a mask, ``(H, W)`` bool: foreground if more than half of the area was foreground."""
    return shrink_image(mask.astype(np.float32), shrink) > 0.5


def object_width(masks: Iterable[np.ndarray], per_object: bool = False) -> float | None:
    """Return the median width of objects, each the diameter of a disk of the same area.

    Args:
        masks: Masks, each ``(H, W)`` bool.
        per_object: True for the median over objects. By default it is over their pixels, which
            gives small specks little weight.

    Returns:
        Width in pixels; None if there is no object.
    """
    areas: list[int] = []
    for mask in masks:
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        areas += [int(area) for area in stats[1:, cv2.CC_STAT_AREA] if area >= MIN_AREA]
    if not areas:
        return None
    rising = np.sort(areas)
    weight = np.ones_like(rising) if per_object else rising
    middle = rising[np.searchsorted(np.cumsum(weight), weight.sum() / 2)]
    return float(2 * np.sqrt(middle / np.pi))


def advised_shrink(width: float, crop: int) -> float:
    """Return the factor, in halves, for a crop about :data:`CROP_IN_OBJECTS` objects wide.

    >>> advised_shrink(65, crop=129), advised_shrink(30, crop=129), advised_shrink(5, crop=129)
    (2.0, 1.0, 1.0)
    """
    return max(1.0, round(2 * CROP_IN_OBJECTS * width / crop) / 2)
