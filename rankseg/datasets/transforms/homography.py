# SPDX-License-Identifier: Apache-2.0
"""Homographies between views as 3x3 matrices, and resampling of images through them.

Coordinates ``(x, y)`` are normalized: -1 and 1 are the borders of a view, x points right, y points
down. A homography maps a point of a view to its position in the image that the view is cut from.
Homographies of nested views are multiplied.
"""

from math import cos, radians, sin, sqrt

import cv2
import numpy as np

MIRROR = np.diag([-1.0, 1.0, 1.0])
CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)


def box(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return the view of an axis-aligned box.

    >>> box(0.5, 0, 0.5, 1) @ [-1, 1, 1]
    array([0., 1., 1.])

    Args:
        x, y: Center of the box.
        width, height: Sides as shares of the whole, which may exceed 1.
    """
    return np.array([[width, 0, x], [0, height, y], [0, 0, 1]], np.float64)


def rotation(degrees: float) -> np.ndarray:
    """Return a square view rotated clockwise; its content appears rotated the other way."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def perspective(offsets: np.ndarray) -> np.ndarray:
    """Return a view with moved corners.

    Args:
        offsets: ``(4, 2)`` displacements of the upper left, upper right, lower right and lower left
            corner.
    """
    return cv2.getPerspectiveTransform(CORNERS, CORNERS + np.asarray(offsets, np.float32))


def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the map between two views of one image, given the maps of both into the image."""
    found = np.linalg.inv(second) @ first
    return found / found[2, 2]


def move(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points ``(..., 2)``; non-finite points stay non-finite."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def to_pixels(height: int, width: int) -> np.ndarray:
    """Return the map from normalized to OpenCV coordinates, where 0 is the center of a pixel."""
    return np.array([[width / 2, 0, width / 2 - 0.5], [0, height / 2, height / 2 - 0.5], [0, 0, 1]])


def resample(image: np.ndarray, view: np.ndarray, size: int) -> np.ndarray:
    """Resample an image through a view.

    The image is mirrored beyond its border, so that overlapping views also agree there. For strong
    downscaling the image is shrunk first.

    Args:
        image: ``(H, W, 3)`` uint8.
        view: ``(3, 3)`` map from the view into the image.
        size: Side of the result in pixels.

    Returns:
        ``(size, size, 3)`` uint8.
    """
    height, width = image.shape[:2]
    across = sqrt(abs(np.linalg.det(view[:2, :2] / view[2, 2])) * height * width) / size
    if across > 1.5:
        shape = max(1, round(width / across)), max(1, round(height / across))
        image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
    matrix = to_pixels(height, width) @ view @ np.linalg.inv(to_pixels(size, size))
    return cv2.warpPerspective(
        image,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
