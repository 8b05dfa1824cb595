# SPDX-License-Identifier: Apache-2.0
from itertools import combinations

import numpy as np
import pytest

from rankseg.datasets import make_palette
from rankseg.utils.palette import class_palette, distinct_colors, to_lab


def lab(color) -> np.ndarray:
    """CIE L*a*b* of an sRGB color by the formulas of the standard, for white D65."""
    rgb = np.array(color) / 255
    rgb = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = matrix @ rgb / [0.9505, 1.0, 1.089]
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colors) -> float:
    return min(np.linalg.norm(lab(a) - lab(b)) for a, b in combinations(colors, 2))


@pytest.mark.parametrize("color", [(230, 60, 40), (0, 51, 255), (10, 10, 10)])
def test_lab_follows_the_standard(color):
    np.testing.assert_allclose(to_lab(np.array([color]))[0], lab(color), atol=0.5)


@pytest.mark.parametrize(("number", "least"), [(3, 75), (7, 60), (12, 45), (21, 35), (40, 24)])
def test_colors_are_far_apart_and_far_from_white(number, least):
    colors = [*distinct_colors(number), [255, 255, 255]]
    assert closest(colors) > least > closest([*make_palette(21), [255, 255, 255]])


def test_many_classes_have_different_colors():
    colors = distinct_colors(254)
    assert len({tuple(one) for one in colors}) == 254 and [255, 255, 255] not in colors


def test_longer_palettes_begin_with_shorter_ones():
    assert distinct_colors(20)[:9] == distinct_colors(9)
    assert distinct_colors(0) == [] and distinct_colors(1) == [[0, 0, 0]]


@pytest.mark.parametrize("name", ["background", "BG", "class_0", "class 0", "void", "unlabelled"])
def test_background_is_black(name):
    assert class_palette([name, "cat", "dog"])[0] == [0, 0, 0]


@pytest.mark.parametrize("name", ["road", "bgcolor", "class_1", "otherness"])
def test_other_first_classes_are_visible(name):
    palette = class_palette([name, "cat"])
    assert [0, 0, 0] not in palette and len(palette) == 2
