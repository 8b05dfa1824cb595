# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization import color_map, draw_overlay

PALETTE = [(0, 0, 0), (200, 100, 50)]


def test_classes_have_their_colors_and_everything_else_is_white():
    colors = color_map(np.array([[0, 1], [255, 7]]), PALETTE)
    assert colors.tolist() == [[[0, 0, 0], [200, 100, 50]], [[255] * 3, [255] * 3]]
    assert colors.dtype == np.uint8


def test_overlay_is_the_weighted_mean():
    image = np.full((1, 2, 3), 100, np.uint8)
    mixed = draw_overlay(image, np.array([[0, 1]]), PALETTE, opacity=0.25)
    assert mixed.tolist() == [[[75, 75, 75], [125, 100, 88]]]  # 87.5 rounds to even
    assert draw_overlay(image, np.array([[0, 1]]), PALETTE, opacity=0).tolist() == image.tolist()


def test_a_label_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"image of \(4, 4\) and label map of \(2, 4\)"):
        draw_overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4), int), PALETTE)
