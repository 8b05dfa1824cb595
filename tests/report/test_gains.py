# SPDX-License-Identifier: Apache-2.0
import numpy as np
from rankseg.report.gains import YELLOW, draw_box, find_gain


def test_the_largest_region_that_is_gained():
    truth = np.ones((40, 40), int)
    before, after = np.zeros_like(truth), np.zeros_like(truth)
    after[2:5, 2:5] = 1
    after[20:28, 10:30] = 1
    assert find_gain(truth, before, after) == (20, 10, 8, 20)
    before[20:28, 10:30] = 1  # was right already
    assert find_gain(truth, before, after) == (2, 2, 3, 3)


def test_what_is_unknown_or_tiny_or_lost_is_no_gain():
    truth = np.full((40, 40), 255)
    zeros, ones = np.zeros_like(truth), np.ones_like(truth)
    assert find_gain(truth, zeros, truth) is None
    assert find_gain(ones, ones, zeros) is None
    after = zeros.copy()
    after[3, 3:6] = 1  # 3 of 1,600 pixels
    assert find_gain(ones, zeros, after) is None
    after[3, 3:7] = 1
    assert find_gain(ones, zeros, after) == (3, 3, 1, 4)


def test_a_frame_leaves_the_picture_as_it_was():
    picture = np.zeros((40, 40, 3), np.uint8)
    framed = draw_box(picture, (10, 10, 5, 5))
    assert tuple(framed[6, 12]) == YELLOW and not framed[12, 12].any() and not picture.any()
