# SPDX-License-Identifier: Apache-2.0
import numpy as np

from rankseg.visualization.attention import CELL, TITLES, AttentionPair, draw_attention
from rankseg.visualization.panel import MARGIN, TEXT


def cell(picture, row, column):
    y, x = TEXT + MARGIN + row * (CELL[0] + MARGIN), MARGIN + column * (CELL[1] + MARGIN)
    return picture[y : y + CELL[0], x : x + CELL[1]].astype(int)


def test_columns_and_what_the_other_view_does_not_show():
    ramp = np.linspace(0.2, 0.8, 60)[None].repeat(60, 0)
    views = np.full((60, 60, 3), (200, 30, 90), np.uint8), np.full((60, 60, 3), 40, np.uint8)
    inside = np.zeros((60, 60), bool)
    inside[:, :30] = True
    pair = AttentionPair(views, (ramp, ramp[:, ::-1]), ramp, inside)
    picture = draw_attention([pair, pair._replace(inside=~inside & False)])
    assert picture.shape == (TEXT + MARGIN + 2 * (180 + MARGIN), MARGIN + 5 * (180 + MARGIN), 3)
    assert len(TITLES) == 5
    assert (cell(picture, 0, 0) == (200, 30, 90)).all() and (cell(picture, 0, 2) == 40).all()
    first, second, back = (cell(picture, 0, column) for column in (1, 3, 4))
    assert first[90, 5, 2] > first[90, 5, 0] and first[90, 175, 0] > first[90, 175, 2]  # blue, red
    assert second[90, 5, 0] > second[90, 5, 2]
    assert np.array_equal(back[:, :80], first[:, :80])
    assert (back[:, 100:] >= 190).all() and np.ptp(back[:, 100:], axis=2).max() < 32  # gray
    assert (cell(picture, 1, 4) >= 190).all()


def test_attention_that_is_the_same_everywhere():
    flat = np.full((20, 20), 0.5)
    views = (np.full((20, 20, 3), 128, np.uint8),) * 2
    pair = AttentionPair(views, (flat, flat), flat, np.ones((20, 20), bool))
    assert np.ptp(cell(draw_attention([pair]), 0, 1), axis=(0, 1)).max() == 0
