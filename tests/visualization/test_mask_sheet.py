# SPDX-License-Identifier: Apache-2.0
import numpy as np

from rankseg.visualization.mask_sheet import CELL, MaskedImage, draw_mask_sheet
from rankseg.visualization.panel import MARGIN, TEXT

PALETTE = [(0, 0, 0), (255, 0, 0)]


def sample(value: int, name: str = "a.png", size: tuple[int, int] = (100, 120)) -> MaskedImage:
    return MaskedImage(name, np.full((*size, 3), 100, np.uint8), np.full(size, value, np.uint8))


def test_image_stands_beside_its_mask():
    page = draw_mask_sheet([sample(1), sample(0), sample(1)], ["a", "b"], PALETTE)
    y = TEXT + MARGIN + CELL[0] // 2
    x = [MARGIN + column * (CELL[1] + MARGIN) + CELL[1] // 2 for column in range(4)]
    assert page[y, x[0]].tolist() == [100] * 3
    assert page[y, x[1], 0] > 150 > page[y, x[1], 1], "red over gray"
    assert page[y, x[3]].tolist() == [100] * 3, "of a black class the image is seen"
    below = y + CELL[0] + 18 + MARGIN
    assert page[below, x[1], 0] > 150 and page[below, x[3]].tolist() == [255] * 3, "no fourth"


def test_ignored_pixels_are_in_the_legend():
    plain = draw_mask_sheet([sample(1)], ["a", "b"], PALETTE)
    ignored = draw_mask_sheet([sample(255)], ["a", "b"], PALETTE)
    legend = slice(TEXT + MARGIN + CELL[0] + 18 + MARGIN, None)
    assert plain.shape == ignored.shape and not np.array_equal(plain[legend], ignored[legend])


def test_long_names_and_small_pictures():
    page = draw_mask_sheet([sample(1, "x" * 500), sample(1, "", (3, 90))], ["a", "b"], PALETTE)
    assert page.dtype == np.uint8 and page.shape[2] == 3
