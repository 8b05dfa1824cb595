# SPDX-License-Identifier: Apache-2.0
"""Images whose pixels are finer than a network needs become smaller, and how much smaller."""

from collections.abc import Iterable

import cv2
import numpy as np

CROP_IN_OBJECTS = 4
"""How many objects wide a training crop should be: an object, and what is around it."""
SPECK = 16  # pixels below which a component is no object
SMALLEST = 32  # side in pixels that must be left


def check_shrink(shrink: float, shape: tuple[int, ...], what: str) -> None:
    """Refuse a factor that enlarges, or leaves too little.

    Raises:
        ValueError: Naming the factor and what was to be shrunk.
    """
    if not shrink >= 1 or min(shrunk_size(shape, shrink)) < min(SMALLEST, *shape[:2]):
        raise ValueError(
            f"--shrink {shrink:g}: expected 1 or more, such as 2 for half the width and height, "
            f"and at least {SMALLEST} pixels left of {what}, which is {shape[1]}x{shape[0]}"
        )


def shrunk_size(shape: tuple[int, ...], shrink: float) -> tuple[int, int]:
    """``(height, width)`` that is left, rounded as ``mmcv.Resize`` does.

    >>> shrunk_size((768, 1023), 2)
    (384, 512)
    """
    return int(shape[0] / shrink + 0.5), int(shape[1] / shrink + 0.5)


def shrink_image(image: np.ndarray, shrink: float) -> np.ndarray:
    """Average an image over areas of ``shrink`` by ``shrink`` pixels.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        shrink: 1 or more.
    """
    if shrink == 1:
        return image
    return cv2.resize(image, shrunk_size(image.shape, shrink)[::-1], interpolation=cv2.INTER_AREA)


def shrink_mask(mask: np.ndarray, shrink: float) -> np.ndarray:
    """A pixel is foreground where more than half of its area was: ``(H, W)`` bool to bool."""
    return shrink_image(mask.astype(np.float32), shrink) > 0.5


def object_width(masks: Iterable[np.ndarray]) -> float | None:
    """How wide objects are: the diameter of a disk as large, at the median pixel of all objects.

    Most specks have few pixels and so have little to say.

    Args:
        masks: ``(H, W)`` bool each.

    Returns:
        Pixels; None if there is no object.
    """
    areas: list[int] = []
    for mask in masks:
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        areas += [int(area) for area in stats[1:, cv2.CC_STAT_AREA] if area >= SPECK]
    if not areas:
        return None
    rising = np.sort(areas)
    middle = rising[np.searchsorted(np.cumsum(rising), rising.sum() / 2)]
    return float(2 * np.sqrt(middle / np.pi))


def advised_shrink(width: float, crop: int) -> float:
    """The factor, in halves, at which a crop is about :data:`CROP_IN_OBJECTS` objects wide.

    >>> advised_shrink(65, crop=129), advised_shrink(30, crop=129), advised_shrink(5, crop=129)
    (2.0, 1.0, 1.0)
    """
    return max(1.0, round(2 * CROP_IN_OBJECTS * width / crop) / 2)
