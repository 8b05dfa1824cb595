# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from rankseg.report.gains import YELLOW

from rankseg.report.compare import compare


def read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_a_row_per_image_and_a_column_per_run(toy_runs, tmp_path):
    runs = [toy_runs["sup"], toy_runs["rank"]]
    one, two = (read(compare(runs, tmp_path / "new" / f"{n}.png", images=n)) for n in (1, 2))
    assert two.shape[1] == one.shape[1] and two.shape[0] - one.shape[0] == 206
    assert one.shape[1] == 6 + 4 * 206
    alone = read(compare(runs[:1], tmp_path / "alone.png", images=1))
    assert alone.shape[1] == 6 + 3 * 206


def test_gains_are_framed(toy_runs, tmp_path):
    runs = [toy_runs["sup"], toy_runs["rank"]]
    pages = [read(compare(runs, tmp_path / "a.png", images=4, mark=mark)) for mark in (False, True)]
    plain, marked = ((page == YELLOW).all(-1).sum() for page in pages)
    assert marked > plain + 100


def test_images_that_differ_most(toy_runs, tmp_path, capsys):
    compare([toy_runs["sup"], toy_runs["rank"]], tmp_path / "a.png", images=2, pick="differ")
    said = capsys.readouterr().out
    assert "sup: 4 validation images" in said and "2 of 2: test/" in said


def test_what_cannot_be_compared(toy_runs, tmp_path):
    out = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"are not to be compared .*Name runs of one data set"):
        compare([toy_runs["sup"], toy_runs["classes"]], out)
    with pytest.raises(ValueError, match="classifiers have no pictures"):
        compare([toy_runs["classes"]], out)
    with pytest.raises(ValueError, match="images=0"):
        compare([toy_runs["sup"]], out, images=0)
    with pytest.raises(ValueError, match="expected a file name that ends in .png"):
        compare([toy_runs["sup"]], tmp_path / "a.html")
    assert not out.exists()
