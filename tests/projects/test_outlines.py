# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.projects.outlines import InvalidOutline, check_segmentation

SQUARE = [10, 10, 30, 10, 30, 20, 10, 20]
INF, NAN = float("inf"), float("nan")


def test_polygon_is_filled():
    pytest.importorskip("pycocotools")
    outline = check_segmentation([SQUARE], (40, 60))
    expected = np.zeros((40, 60), bool)
    expected[10:20, 10:30] = True
    assert np.array_equal(outline.fill(40, 60), expected)
    assert outline.area(40, 60) == 200
    two = check_segmentation([SQUARE, [], [40, 0, 50, 0, 50, 5, 40, 5]], None)
    assert two.fill(40, 60).sum() == 250
    assert check_segmentation(SQUARE, None).fill(40, 60).sum() == 200, "a list without a list"


def test_polygon_is_clipped_to_the_image():
    pytest.importorskip("pycocotools")
    outline = check_segmentation([[-20, -20, 30, -20, 30, 20, -20, 20]], (40, 60))
    found = outline.fill(40, 60)
    assert found[:20, :30].all() and found.sum() == 600


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_run_lengths(packed, seed):
    coder = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    mask = rng.random((300, 400)) < 0.001
    mask[20:200, 30:350] = seed > 0
    if packed:
        counts = coder.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    else:
        flat = mask.T.ravel()
        cuts = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *cuts, flat.size]).tolist()
        counts = [0, *counts] if flat[0] else counts
    outline = check_segmentation({"size": [300, 400], "counts": counts}, (300, 400))
    assert np.array_equal(outline.fill(300, 400), mask)
    assert outline.area(300, 400) == mask.sum()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no outline"),
        ([], "no outline"),
        ([[]], "no outline"),
        ("polygon", "neither a list of polygons nor run lengths"),
        (7, "neither a list of polygons nor run lengths"),
        ([[5, 5, 9, 9]], "fewer than three points"),
        ([5, 5, 9, 9], "fewer than three points"),
        ([[5, 5, 9, 5, 9, 9, 5]], "odd number of coordinates"),
        ([SQUARE, [1, 2, 3]], "odd number of coordinates"),
        ([[INF, 5, 9, 5, 9, 9]], "non-finite"),
        ([[5, NAN, 9, 5, 9, 9]], "non-finite"),
        ([[5, 5, 1e9, 5, 9, 9]], "far outside"),
        ([[5, 5, -(10**30), 5, 9, 9]], "non-numeric|far outside"),
        ([["5", 5, 9, 5, 9, 9]], "non-numeric"),
        ([[None, 5, 9, 5, 9, 9]], "non-numeric"),
        ([[[5, 5], [9, 5], [9, 9]]], "non-numeric"),
        ([{"x": 1}], "non-numeric"),
        ([["a"] * 6], "non-numeric"),
        ([[500, 5, 590, 5, 590, 90]], "outside the image"),
        ([[5, 5, 9, 9, 7, 7]], "without an area"),
        ([[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]], "smaller than a pixel"),
        ({}, "without size or counts"),
        ({"size": [40, 60], "counts": None}, "without size or counts"),
        ({"size": [40], "counts": [1]}, "without size or counts"),
        ({"size": [-40, -60], "counts": [2400]}, "without size or counts"),
        ({"size": [40, 60], "counts": [1, 2]}, "do not fill"),
        ({"size": [40, 60], "counts": [-1, 2401]}, "do not fill"),
        ({"size": [40, 60], "counts": ["2400"]}, "do not fill"),
        ({"size": [40, 60], "counts": [2400]}, "without an area"),
        ({"size": [60, 40], "counts": [0, 2400]}, "another size"),
        ({"size": [10**9, 10**9], "counts": [0, 10**18]}, "another size"),
        ({"size": [40, 60], "counts": "ooooooooooooooooooooo"}, "unreadable"),
        ({"size": [40, 60], "counts": "o"}, "unreadable"),
        ({"size": [40, 60], "counts": "\x00é"}, "unreadable"),
    ],
)
def test_raises_with_a_reason(value, reason):
    with pytest.raises(InvalidOutline, match=reason):
        check_segmentation(value, (40, 60))


def test_raises_on_run_lengths_of_another_size():
    outline = check_segmentation({"size": [10**9, 10**9], "counts": [0, 10**18]}, None)
    with pytest.raises(InvalidOutline, match="another size"):
        outline.fill(40, 60)


def test_figure_eight_with_canceling_areas_is_an_outline():
    assert check_segmentation([[0, 0, 20, 20, 20, 0, 0, 20]], (40, 60)).polygons
