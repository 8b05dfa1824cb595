# SPDX-License-Identifier: Apache-2.0
"""Where one prediction is right and another is not."""

import cv2
import numpy as np

YELLOW = (255, 225, 0)
LEAST = 0.002  # part of the image below which a difference is not worth a frame
IGNORE = 255

Box = tuple[int, int, int, int]


def find_gain(truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> Box | None:
    """The largest connected region where ``after`` is right and ``before`` is not.

    Args:
        truth: ``(H, W)`` class ids, 255 where they are not known.
        before: ``(H, W)`` class ids.
        after: ``(H, W)`` class ids.

    Returns:
        Its first row, first column, height and width; None if there is none of 0.2% of the image.
    """
    gain = (truth != IGNORE) & (after == truth) & (before != truth)
    _, _, stats, _ = cv2.connectedComponentsWithStats(gain.astype(np.uint8), connectivity=8)
    regions = stats[1:]
    if not len(regions):
        return None
    left, top, width, height, area = map(int, regions[regions[:, cv2.CC_STAT_AREA].argmax()])
    return (top, left, height, width) if area >= LEAST * gain.size else None


def draw_box(picture: np.ndarray, box: Box, room: int = 4) -> np.ndarray:
    """A copy of a uint8 RGB picture with a yellow frame a few pixels around a box."""
    top, left, height, width = box
    copy = np.ascontiguousarray(picture).copy()
    corners = (left - room, top - room), (left + width + room, top + height + room)
    cv2.rectangle(copy, *corners, YELLOW, 2)
    return copy
