# SPDX-License-Identifier: Apache-2.0
import numpy as np

from rankseg.visualization import draw_contact_sheet
from rankseg.visualization.contact_sheet import LINE, MARGIN, RIGHT, WRONG, SheetEntry


def prediction(color: int, truth: str, predicted: str, confidence: float) -> SheetEntry:
    return SheetEntry(np.full((8, 16, 3), color, np.uint8), truth, predicted, confidence)


def test_order_of_the_page():
    rows = [("a", "a", 0.9), ("a", "b", 0.4), ("a", "a", 0.5), ("b", "a", 0.8)]
    found = sorted((prediction(0, *row) for row in rows), key=lambda one: one.place)
    assert [(one.truth, one.confidence) for one in found] == [
        ("b", 0.8),
        ("a", 0.4),
        ("a", 0.5),
        ("a", 0.9),
    ]


def test_pictures_and_lines_of_text():
    ones = [
        prediction(10, "cat", "dog", 0.9),
        prediction(20, "cat", "cat", 0.9),
        prediction(30, "cat", "a very long name of a class", 0.9),
    ]
    page = draw_contact_sheet(ones, columns=2, cell=64)
    step = 64 + 2 * LINE + MARGIN, 64 + MARGIN
    assert page.shape == (MARGIN + 2 * step[0], MARGIN + 2 * step[1], 3)
    for i, one in enumerate(ones):
        y, x = MARGIN + i // 2 * step[0], MARGIN + i % 2 * step[1]
        assert (page[y : y + 32, x : x + 64] == one.image[0, 0]).all()  # twice as wide as high
        assert (page[y + 32 : y + 64, x : x + 64] == 255).all()
        text = page[y + 64 : y + 64 + 2 * LINE, x : x + 64].reshape(-1, 3)
        assert (text == (RIGHT if i == 1 else WRONG)).all(1).any()
        assert (text == (WRONG if i == 1 else RIGHT)).all(1).sum() == 0
        second = page[y + 64 + LINE : y + 64 + 2 * LINE, x : x + 64]
        assert (second < 128).any() == (i != 1)  # right ones need no second line
        gap = page[y : y + step[0], x + 64 : x + 64 + MARGIN]
        assert (gap == 255).all()
