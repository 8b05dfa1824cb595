# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization.overlay import draw_foreground_overlay
from rankseg.visualization.overview import draw_overview, layout, overview_entry

CLASSES, PALETTE = ("back", "cell"), [(0, 0, 0), (255, 0, 0)]


CELL = 220


def one(size=(440, 880), shade=100):
    image = np.full((*size, 3), shade, np.uint8)
    overlay = image.copy()
    overlay[:, : size[1] // 2] = (200, 0, 0)
    return overview_entry(image, overlay, "a/b", np.array([75.0, 25.0]), CLASSES, CELL)


def test_shares_are_named_largest_first_and_pictures_made_small():
    picture = one()
    assert picture.image.shape == (CELL // 2, CELL, 3)
    assert picture.lines == ("a/b", "back 75.0%, cell 25.0%")
    small = np.zeros((8, 8, 3), np.uint8)
    bare = overview_entry(small, small, "x", [0, 100.0], CLASSES, CELL)
    assert bare.lines[1] == "cell 100.0%"


@pytest.mark.parametrize("number", [1, 5, 24])
def test_every_image_stands_beside_its_prediction(number):
    page = draw_overview([one() for _ in range(number)], CLASSES, PALETTE)
    assert (page == (100, 100, 100)).all(-1).sum() == pytest.approx(
        1.5 * number * CELL * CELL / 2, rel=0.02
    )
    assert (page == (200, 0, 0)).all(-1).sum() == pytest.approx(
        0.5 * number * CELL * CELL / 2, rel=0.02
    )
    assert ((page == (255, 0, 0)).all(-1).sum()) > 50  # the legend


def test_few_images_are_shown_larger():
    assert [layout(number) for number in (1, 3, 12, 13)] == [(1, 560), (2, 320), (2, 320), (3, 220)]


def test_what_is_black_in_the_palette_shows_the_image():
    image = np.full((4, 6, 3), 80, np.uint8)
    label = np.zeros((4, 6), np.uint8)
    label[:, 3:] = 1
    picture = draw_foreground_overlay(image, label, PALETTE)
    assert (picture[:, :3] == 80).all()
    assert (picture[:, 3:] == [168, 40, 40]).all()
