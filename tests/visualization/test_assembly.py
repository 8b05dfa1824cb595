# SPDX-License-Identifier: Apache-2.0
"""Marks of an assembly picture are where the weights say."""

import numpy as np

from rankseg.visualization.assembly import (
    BLUE,
    HEIGHT,
    RED,
    WHITE,
    Assembly,
    draw_assemblies,
    most_moved,
)

GRID = (3, 3)
CELL = HEIGHT // 3


def swapped() -> np.ndarray:
    """The first and the last of nine points change their places."""
    weights = np.eye(9)
    weights[[0, 8]] = weights[[8, 0]]
    return weights


def test_points_that_move_most():
    weights = np.eye(9)
    assert most_moved(weights, 2) == [0, 1]
    weights[5, 5], weights[2, 5] = 0.2, 0.8
    weights[7, 7], weights[2, 7] = 0.1, 0.9
    assert most_moved(weights, 1) == [7] and most_moved(weights, 2) == [5, 7]
    assert most_moved(weights, 99) == list(range(9))


def test_where_points_come_from():
    image = np.full((90, 90, 3), 120, np.uint8)
    moved = np.zeros_like(image)
    page = draw_assemblies([Assembly(image, moved, swapped())] * 2, GRID, count=2)
    step, top = HEIGHT + 6, 28
    assert page.shape == (top + 2 * step, 6 + 4 * step, 3)

    def picture(row: int, column: int) -> np.ndarray:
        y, x = top + row * step, 6 + column * step
        return page[y : y + HEIGHT, x : x + HEIGHT]

    for row in (0, 1):
        marked, second, first_point, last_point = (picture(row, i) for i in range(4))
        assert (second == 0).all()
        framed = (marked == BLUE).all(-1)
        assert framed[1, CELL // 2] and framed[-2, -CELL // 2]
        assert not framed[CELL + 5 : 2 * CELL - 5, CELL + 5 : 2 * CELL - 5].any()
        # the first point comes from the last place, and the other way round
        for one, own, source in ((first_point, 0, 2), (last_point, 2, 0)):
            middle = (2 * source + 1) * CELL // 2
            assert np.abs(one[middle, middle].astype(int) - RED).max() < 10
            edge = own * CELL + 1 if own == 0 else HEIGHT - 2
            assert (one[edge, (2 * own + 1) * CELL // 2] == WHITE).all()
            bright, dark = one[middle, middle - CELL // 3], one[HEIGHT // 2, HEIGHT // 2]
            assert bright.astype(int).sum() > dark.astype(int).sum() + 100


def test_more_points_than_there_are_and_a_flat_picture():
    image = np.zeros((20, 60, 3), np.uint8)
    page = draw_assemblies([Assembly(image, image, np.full((2, 2), 0.5))], (1, 2), count=9)
    assert page.ndim == 3 and page.shape[1] == 6 + 4 * (2 * HEIGHT + 6)
