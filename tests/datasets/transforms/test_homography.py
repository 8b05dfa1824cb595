# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from rankseg.datasets.transforms.homography import (
    MIRROR,
    between,
    box,
    move,
    perspective,
    resample,
    rotation,
    to_pixels,
)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def test_views_that_move_whole_pixels(image):
    assert np.array_equal(resample(image, np.eye(3), 8), image)
    assert np.array_equal(resample(image, MIRROR, 8), image[:, ::-1])
    assert np.array_equal(resample(image, box(0.5, -0.25, 0.5, 0.5), 4), image[1:5, 4:])
    # the view turns clockwise, so that its upper left corner sees the upper right one
    assert np.array_equal(resample(image, rotation(90), 8), np.rot90(image))


def test_beyond_the_border_an_image_is_mirrored(image):
    wide = resample(image, box(0, 0, 2, 2), 16)
    assert np.array_equal(wide[4:12, 4:12], image)
    assert np.array_equal(wide[4:12, 3], image[:, 1]) and np.array_equal(wide[12, 4:12], image[-2])


def test_corners_of_a_perspective_view_lie_where_they_are_moved_to():
    offsets = np.array([[0.1, 0.2], [-0.3, 0.1], [0.2, -0.2], [0, 0.3]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    np.testing.assert_allclose(move(perspective(offsets), corners), corners + offsets, atol=1e-6)


def test_a_point_is_found_in_the_other_view():
    first, second = box(0.2, 0.1, 0.5, 0.6) @ MIRROR, box(-0.1, 0, 0.9, 0.8) @ rotation(25)
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    found = move(between(first, second), points)
    np.testing.assert_allclose(move(second, found), move(first, points), atol=1e-12)


def test_pixel_centers():
    assert (to_pixels(4, 8) @ [-1, -1, 1]).tolist() == [-0.5, -0.5, 1]
    assert (to_pixels(4, 8) @ [1 - 1 / 8, 1 - 1 / 4, 1]).tolist() == [7, 3, 1]


def test_what_is_shrunk_is_averaged():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 200
    assert np.ptp(resample(stripes, np.eye(3), 8)) == 0
    assert resample(stripes, np.eye(3), 8)[0, 0, 0] == 50
    assert np.array_equal(
        resample(stripes, np.eye(3), 8), cv2.resize(stripes, (8, 8), interpolation=cv2.INTER_AREA)
    )
