# SPDX-License-Identifier: Apache-2.0
"""Origin of the points of a feature map after spatial assembly (chapter 5, figure 5.4)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.panel import cell_for, draw_panel, fit

HEIGHT = 180  # height of a picture, in pixels
RED, BLUE, GRAY = (235, 30, 30), (20, 70, 220), (128, 128, 128)
WHITE, DARK = (255, 255, 255), (20, 20, 20)


class Assembly(NamedTuple):
    """Effect of a spatial assembly on one image.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, the input of the network.
        moved: ``(H, W, 3)`` uint8 RGB, the blocks of the image combined by the weights.
        weights: ``(N, N)`` in ``[0, 1]``: the share of input point (row) in output point (column).
    """

    image: np.ndarray
    moved: np.ndarray
    weights: np.ndarray


def most_moved(weights: np.ndarray, count: int) -> list[int]:
    """Find the output points with the least weight from their own position, in reading order.

    Args:
        weights: ``(N, N)``, of input points (rows) in output points (columns).
        count: Maximum number of points.
    """
    order = np.argsort(np.diagonal(weights), kind="stable")
    return sorted(order[:count].tolist())


def draw_assemblies(shown: Sequence[Assembly], grid: tuple[int, int], count: int = 4) -> np.ndarray:
    """Draw images, their reassembled blocks, and the origin of some output points.

    Each image has a row, with blue numbers on the selected output points. In the map of an output
    point's weights, a white frame marks its own position, brighter colors mean larger weights, and
    a red dot marks the position with the largest weight.

    Args:
        shown: Images with their assembly.
        grid: Rows and columns of points.
        count: Number of output points per image, those that move most.

    Returns:
        uint8 RGB.
    """
    cell = cell_for(shown[0].image, HEIGHT)
    count = min(count, grid[0] * grid[1])
    rows = []
    for one in shown:
        small = fit(one.image, cell)
        chosen = most_moved(one.weights, count)
        marked = small.copy()
        _lines(marked, grid)
        for number, point in enumerate(chosen, 1):
            _label(marked, grid, point, str(number))
        maps = [_heat(small, one.weights[:, v].reshape(grid), grid, v) for v in chosen]
        rows.append([marked, fit(one.moved, cell), *maps])
    titles = ["image", "reassembled", *(f"point {i + 1} from" for i in range(count))]
    return draw_panel(rows, titles, cell=cell)


def _box(picture: np.ndarray, grid: tuple[int, int], point: int) -> tuple[int, int, int, int]:
    """Compute left, top, right and bottom of a point's cell in a picture, in pixels."""
    row, column = divmod(point, grid[1])
    height, width = picture.shape[0] / grid[0], picture.shape[1] / grid[1]
    edges = column * width, row * height, (column + 1) * width - 1, (row + 1) * height - 1
    return tuple(round(edge) for edge in edges)


def _lines(picture: np.ndarray, grid: tuple[int, int]) -> None:
    """Draw half-transparent lines between the cells."""
    drawn = picture.copy()
    for point in range(grid[0] * grid[1]):
        left, top, right, bottom = _box(picture, grid, point)
        cv2.rectangle(drawn, (left, top), (right, bottom), GRAY, 1)
    cv2.addWeighted(drawn, 0.4, picture, 0.6, 0, dst=picture)


def _label(picture: np.ndarray, grid: tuple[int, int], point: int, text: str) -> None:
    """Draw a blue frame around a cell, with a number in its middle."""
    left, top, right, bottom = _box(picture, grid, point)
    cv2.rectangle(picture, (left, top), (right, bottom), BLUE, 2)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    at = (left + right - width) // 2, (top + bottom + height) // 2
    for color, thickness in ((WHITE, 3), (BLUE, 1)):
        cv2.putText(picture, text, at, font, size, color, thickness, cv2.LINE_AA)


def _heat(image: np.ndarray, weights: np.ndarray, grid: tuple[int, int], point: int) -> np.ndarray:
    """Draw the weights of an output point over a gray image; mark its position and the largest."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    heat = np.zeros((*image.shape[:2], 1), np.float32)
    share = weights / max(float(weights.max()), 1e-12)
    for number, value in enumerate(share.ravel()):
        left, top, right, bottom = _box(image, grid, number)
        heat[top : bottom + 1, left : right + 1] = value
    colors = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    mixed = np.rint(0.75 * colors[..., ::-1] + 0.25 * gray)
    mixed = np.ascontiguousarray(mixed.astype(np.uint8))
    left, top, right, bottom = _box(image, grid, point)
    cv2.rectangle(mixed, (left, top), (right, bottom), WHITE, 2)
    left, top, right, bottom = _box(image, grid, int(weights.argmax()))
    middle = (left + right) // 2, (top + bottom) // 2
    radius = max(3, (right - left) // 5)
    cv2.circle(mixed, middle, radius, RED, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(mixed, middle, radius, DARK, 1, cv2.LINE_AA)
    return mixed
