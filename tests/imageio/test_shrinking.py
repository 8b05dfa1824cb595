# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.imageio.shrinking import advised_shrink, object_width, shrink_image, shrink_mask


def test_areas_are_averaged_and_masks_have_a_majority():
    image = np.array([[0, 10, 50, 50], [20, 30, 50, 90]], np.uint8)
    assert shrink_image(image, 2).tolist() == [[15, 60]]
    assert shrink_image(np.dstack([image] * 3), 2).shape == (1, 2, 3)
    assert shrink_image(image, 1) is image
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 0]], bool)
    assert shrink_mask(mask, 2).tolist() == [[True, False]], "half is no majority"


def test_width_is_that_of_most_of_the_foreground():
    mask = np.zeros((200, 200), bool)
    mask[::10, ::10] = True  # specks
    mask[20:60, 20:60] = True
    mask[100:110, 100:110] = True
    assert object_width([mask]) == pytest.approx(40 * 2 / np.pi**0.5, rel=0.02)
    assert object_width([mask], per_object=True) == pytest.approx(10 * 2 / np.pi**0.5, rel=0.02)
    assert object_width([np.zeros((9, 9), bool)]) is None
    assert object_width([np.zeros((9, 9), bool)], per_object=True) is None
    assert advised_shrink(45, 129) == 1.5
