# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from rankseg.report.compare import YELLOW, compare, draw_frame, find_improvement


def read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_draws_a_row_per_image_and_a_column_per_run(toy_runs, tmp_path):
    runs = [toy_runs["sup"], toy_runs["rank"]]
    one, two = (read(compare(runs, tmp_path / "new" / f"{n}.png", images=n)) for n in (1, 2))
    assert two.shape[1] == one.shape[1] and two.shape[0] - one.shape[0] == 206
    assert one.shape[1] == 6 + 4 * 206
    alone = read(compare(runs[:1], tmp_path / "alone.png", images=1))
    assert alone.shape[1] == 6 + 3 * 206


def test_frames_improvements(toy_runs, tmp_path):
    runs = [toy_runs["sup"], toy_runs["rank"]]
    pages = [read(compare(runs, tmp_path / "a.png", images=4, mark=mark)) for mark in (False, True)]
    plain, marked = ((page == YELLOW).all(-1).sum() for page in pages)
    assert marked > plain + 100


def test_picks_images_that_differ_most(toy_runs, tmp_path, capsys):
    compare([toy_runs["sup"], toy_runs["rank"]], tmp_path / "a.png", images=2, pick="differ")
    said = capsys.readouterr().out
    assert "sup: 4 validation images" in said and "2 of 2: test/" in said


def test_raises_on_runs_that_cannot_be_compared(toy_runs, tmp_path):
    out = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"cannot be compared .*Name runs of one data set"):
        compare([toy_runs["sup"], toy_runs["classes"]], out)
    with pytest.raises(ValueError, match="segmentation runs, but got classifiers"):
        compare([toy_runs["classes"]], out)
    with pytest.raises(ValueError, match="images to be 1 or more .*images=0"):
        compare([toy_runs["sup"]], out, images=0)
    with pytest.raises(ValueError, match="a file name that ends in .png"):
        compare([toy_runs["sup"]], tmp_path / "a.html")
    assert not out.exists()


def test_finds_the_largest_region_that_improved():
    truth = np.ones((40, 40), int)
    before, after = np.zeros_like(truth), np.zeros_like(truth)
    after[2:5, 2:5] = 1
    after[20:28, 10:30] = 1
    assert find_improvement(truth, before, after) == (20, 10, 8, 20)
    before[20:28, 10:30] = 1  # was right already
    assert find_improvement(truth, before, after) == (2, 2, 3, 3)


def test_ignored_tiny_and_lost_regions_are_no_improvement():
    truth = np.full((40, 40), 255)
    zeros, ones = np.zeros_like(truth), np.ones_like(truth)
    assert find_improvement(truth, zeros, truth) is None
    assert find_improvement(ones, ones, zeros) is None
    after = zeros.copy()
    after[3, 3:6] = 1  # 3 of 1,600 pixels
    assert find_improvement(ones, zeros, after) is None
    after[3, 3:7] = 1
    assert find_improvement(ones, zeros, after) == (3, 3, 1, 4)


def test_draw_frame_does_not_change_the_picture():
    picture = np.zeros((40, 40, 3), np.uint8)
    framed = draw_frame(picture, (10, 10, 5, 5))
    assert tuple(framed[6, 12]) == YELLOW and not framed[12, 12].any() and not picture.any()
