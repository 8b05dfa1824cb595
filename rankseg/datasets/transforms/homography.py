# SPDX-License-Identifier: Apache-2.0
"""Maps between views as 3x3 matrices, and pictures seen through them.

Coordinates ``(x, y)`` are normalised: -1 and 1 are the borders of a view, x to the right, y
down. A map takes a point of a view to where it lies in what the view is cut out of; maps of views
of views are multiplied.
"""

from math import cos, radians, sin, sqrt

import cv2
import numpy as np

MIRROR = np.diag([-1.0, 1.0, 1.0])
CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)


def box(x: float, y: float, width: float, height: float) -> np.ndarray:
    """A view of an upright box.

    >>> box(0.5, 0, 0.5, 1) @ [-1, 1, 1]
    array([0., 1., 1.])

    Args:
        x, y: Its centre.
        width, height: Its sides as shares of the whole, which may be above 1.
    """
    return np.array([[width, 0, x], [0, height, y], [0, 0, 1]], np.float64)


def rotation(degrees: float) -> np.ndarray:
    """A square view that is turned clockwise: what it shows is turned the other way."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def perspective(offsets: np.ndarray) -> np.ndarray:
    """A view whose corners lie elsewhere.

    Args:
        offsets: ``(4, 2)``, how far the upper left, upper right, lower right and lower left corner
            are moved.
    """
    return cv2.getPerspectiveTransform(CORNERS, CORNERS + np.asarray(offsets, np.float32))


def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Map from a view to another view of the same image, from the maps of both into the image."""
    found = np.linalg.inv(second) @ first
    return found / found[2, 2]


def move(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where points ``(..., 2)`` are mapped to; points that are not finite stay so."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def to_pixels(height: int, width: int) -> np.ndarray:
    """From normalised coordinates to those of OpenCV, where 0 is the centre of a pixel."""
    return np.array([[width / 2, 0, width / 2 - 0.5], [0, height / 2, height / 2 - 0.5], [0, 0, 1]])


def look(image: np.ndarray, view: np.ndarray, size: int) -> np.ndarray:
    """What a view shows.

    Beyond its border an image is mirrored, so that views of one image agree there, too. Where many
    pixels become one, the image is shrunk first.

    Args:
        image: ``(H, W, 3)`` uint8.
        view: ``(3, 3)``, from the view into the image.
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
