# SPDX-License-Identifier: Apache-2.0
"""Regions where one prediction is right and another is wrong."""

import cv2
import numpy as np

YELLOW = (255, 225, 0)
LEAST = 0.002  # fraction of the image; smaller regions get no frame
IGNORE = 255

Box = tuple[int, int, int, int]


def find_gain(truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> Box | None:
    """Find the largest connected region where ``after`` is right and ``before`` is wrong.

    Args:
        truth: ``(H, W)`` class ids, 255 where unknown.
        before: ``(H, W)`` class ids.
        after: ``(H, W)`` class ids.

    Returns:
        First row, first column, height and width of the region, or None if no region covers 0.2% of
        the image.
    """
    gain = (truth != IGNORE) & (after == truth) & (before != truth)
    _, _, stats, _ = cv2.connectedComponentsWithStats(gain.astype(np.uint8), connectivity=8)
    regions = stats[1:]
    if not len(regions):
        return None
    left, top, width, height, area = map(int, regions[regions[:, cv2.CC_STAT_AREA].argmax()])
    return (top, left, height, width) if area >= LEAST * gain.size else None


def draw_box(picture: np.ndarray, box: Box, room: int = 4) -> np.ndarray:
    """Return a copy of a uint8 RGB picture with a yellow frame, a few pixels outside a box."""
    top, left, height, width = box
    copy = np.ascontiguousarray(picture).copy()
    corners = (left - room, top - room), (left + width + room, top + height + room)
    cv2.rectangle(copy, *corners, YELLOW, 2)
    return copy
