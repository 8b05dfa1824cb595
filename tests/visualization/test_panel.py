# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization.panel import MARGIN, TEXT, draw_legend, draw_panel

RED, BLUE = np.array([200, 0, 0], np.uint8), np.array([0, 0, 200], np.uint8)


def picture(color, height=10, width=20):
    return np.broadcast_to(color, (height, width, 3))


def test_pictures_stand_in_their_cells():
    rows = [[picture(RED), picture(BLUE)], [picture(BLUE), picture(RED)]]
    panel = draw_panel(rows, ["a", "b"], cell=(10, 20))
    assert panel.shape == (TEXT + MARGIN + 2 * (10 + MARGIN), MARGIN + 2 * (20 + MARGIN), 3)
    top, left = TEXT + MARGIN, MARGIN
    assert (panel[top : top + 10, left : left + 20] == RED).all()
    assert (panel[top : top + 10, left + 26 : left + 46] == BLUE).all()
    assert (panel[top + 16 : top + 26, left : left + 20] == BLUE).all()
    assert (panel[top + 10 : top + 16] == 255).all()


def test_proportions_are_kept():
    panel = draw_panel([[picture(RED, 10, 10)]], ["a"], cell=(20, 40))
    red = (panel == RED).all(axis=2)
    assert red.sum() == 20 * 20
    assert red.any(axis=0).sum() == 20


def test_the_legend_shows_every_color_and_wraps():
    palette = [(10, 20, 30), (40, 50, 60), (70, 80, 90)]
    names = ["first", "second", "third"]
    wide, narrow = draw_legend(names, palette, 400), draw_legend(names, palette, 110)
    assert wide.shape[0] == TEXT + MARGIN
    assert narrow.shape[0] == 3 * TEXT + MARGIN
    for legend in (wide, narrow):
        for color in palette:
            assert (legend == color).all(axis=2).sum() > 50
    panel = draw_panel([[picture(RED)]], ["a"], names, palette, cell=(10, 400))
    assert panel.shape[0] == TEXT + MARGIN + 10 + MARGIN + TEXT + MARGIN


def test_a_row_with_a_missing_picture_is_refused():
    with pytest.raises(ValueError, match="row 1 has 1 pictures for 2 titles"):
        draw_panel([[picture(RED)] * 2, [picture(RED)]], ["a", "b"])


def test_a_class_without_color_is_refused():
    with pytest.raises(ValueError, match="2 classes but only 1 colors"):
        draw_panel([[picture(RED)]], ["a"], ["x", "y"], [(0, 0, 0)])
