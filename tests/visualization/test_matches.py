# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization.matches import FALSE, GAP, TRUE, UNKNOWN, ImagePair, draw_matches


def pair(same, keypoints=None, shape=(50, 50)):
    images = tuple(np.full((*shape, 3), gray, np.uint8) for gray in (30, 60))
    if keypoints is None:
        keypoints = np.array([[-0.5, -0.5, 0.5, 0.5], [0.5, 0.0, -0.5, 0.0], [np.nan] * 4])
    return ImagePair(images, keypoints, 9, same)


def count(picture, color):
    return (picture == color).all(2).sum()


@pytest.mark.parametrize("same", [True, False, None])
def test_boxes_have_the_color_of_right_wrong_or_unknown(same):
    picture = draw_matches([pair(same)])
    found = {one: count(picture, one) > 300 for one in (TRUE, FALSE, UNKNOWN)}
    assert found == {TRUE: same is True, FALSE: same is False, UNKNOWN: same is None}


def test_boxes_are_around_the_keypoints():
    picture = draw_matches([pair(True)])
    rows, columns = np.nonzero((picture == TRUE).all(2))
    top = rows.min() - 28  # below the title
    assert abs(top - 50) < 5 and abs(rows.max() - 28 - 150) < 5
    assert abs(columns.min() - 6 - 50) < 5  # the left one begins at a quarter
    assert abs(columns.max() - 6 - 200 - GAP - 150) < 5


def test_pairs_stand_in_rows_and_one_without_keypoints_has_no_box():
    none = pair(True, np.full((2, 4), np.nan), shape=(30, 60))
    assert count(draw_matches([none]), TRUE) == 0
    one, four = draw_matches([pair(True)]), draw_matches([pair(True)] * 4, columns=3)
    assert four.shape[0] == 2 * one.shape[0] and four.shape[1] > 2.9 * one.shape[1]
