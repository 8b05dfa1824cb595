# SPDX-License-Identifier: Apache-2.0
"""Marks of a color on a gray picture become the mask that was meant."""

import cv2
import numpy as np
import pytest

from rankseg.imageio.marks import (
    count_colors,
    fill_outlines,
    looks_like_image,
    parse_color,
    read_marks,
)

RED = (255, 0, 0)
GRAY = np.repeat(np.random.default_rng(0).integers(0, 256, (96, 128, 1), dtype=np.uint8), 3, 2)


def ellipse(center, axes, thickness, size=(96, 128)):
    canvas = np.zeros(size, np.uint8)
    return cv2.ellipse(canvas, center, axes, 20, 0, 360, 1, thickness).astype(bool)


def paint(places, color=RED, share=1.0, picture=GRAY):
    image = picture.astype(float)
    image[places] = (1 - share) * image[places] + share * np.array(color)
    return np.rint(image).astype(np.uint8)


def jpeg(image, quality=90):
    return cv2.imdecode(
        cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1],
        cv2.IMREAD_COLOR,
    )[..., ::-1]


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("thickness", [1, 2, 4])
@pytest.mark.parametrize("color", ["red", "#00ff00", "blue", "yellow", "magenta"])
def test_closed_outlines_are_filled(thickness, color):
    color = parse_color(color)
    lines = [ellipse((40, 40), (20, 12), thickness), ellipse((95, 60), (14, 25), thickness)]
    found = read_marks(paint(lines[0] | lines[1], color), color)
    truth = ellipse((40, 40), (20, 12), -1) | ellipse((95, 60), (14, 25), -1)
    assert overlap(found.mask, truth | lines[0] | lines[1]) > 0.99  # of thin lines OpenCV rounds
    assert (found.closed, found.at_edge, found.open) == (2, 0, 0)


@pytest.mark.parametrize("thickness", [2, -1])
def test_compression_soft_edges_and_transparency(thickness):
    drawn, truth = ellipse((60, 48), (30, 20), thickness), ellipse((60, 48), (30, 20), -1)
    smooth = cv2.GaussianBlur(GRAY, (0, 0), 3)
    found = read_marks(jpeg(paint(drawn, picture=smooth)), RED)
    assert overlap(found.mask, truth | drawn) > 0.93 and found.open == 0
    found = read_marks(paint(drawn, share=0.7, picture=smooth), RED)
    assert np.array_equal(found.mask, truth | drawn)
    soft = cv2.resize(
        paint(drawn, picture=smooth), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    )
    assert overlap(read_marks(soft, RED).mask, (truth | drawn)[::2, ::2]) > 0.9


def test_other_colors_and_the_picture_are_background():
    image = paint(ellipse((40, 40), (20, 12), -1), (0, 0, 255))
    image = paint(ellipse((90, 50), (20, 12), -1), (255, 160, 0), picture=image)
    assert not read_marks(image, RED).mask.any()
    image = paint(ellipse((70, 80), (9, 9), -1), picture=image)
    assert np.array_equal(read_marks(image, RED).mask, ellipse((70, 80), (9, 9), -1))


def test_outlines_that_do_not_close_are_counted_and_not_filled():
    arc = np.zeros((96, 128), np.uint8)
    cv2.ellipse(arc, (50, 48), (20, 20), 0, 0, 320, 1, 2)
    found = fill_outlines(arc.astype(bool))
    assert np.array_equal(found.mask, arc > 0) and (found.closed, found.open) == (0, 1)
    spots = ellipse((30, 30), (3, 3), -1) | ellipse((90, 60), (20, 12), -1)
    assert fill_outlines(spots).open == 0
    assert fill_outlines(np.zeros((5, 6), bool)).open == 0


@pytest.mark.parametrize("center", [(0, 48), (64, 0), (127, 50), (60, 95), (0, 0), (127, 95)])
def test_an_outline_that_ends_at_the_edge_is_filled_inside(center):
    drawn, truth = ellipse(center, (20, 14), 2), ellipse(center, (20, 14), -1)
    found = fill_outlines(drawn)
    assert np.array_equal(found.mask, truth | drawn)
    assert (found.closed, found.at_edge, found.open) == (0, 1, 0)


def test_a_line_across_the_picture_fills_nothing():
    drawn = np.zeros((96, 128), bool)
    drawn[:, 64] = True
    found = fill_outlines(drawn)
    assert np.array_equal(found.mask, drawn) and (found.at_edge, found.open) == (0, 1)


def test_an_object_larger_than_what_is_around_it():
    drawn = np.zeros((96, 128), bool)
    drawn[3:-3, 3:-3] = True
    drawn[5:-5, 5:-5] = False
    found = fill_outlines(drawn)
    assert found.mask[48, 64] and not found.mask[0, 0] and found.closed == 1


def test_colors_are_named_for_messages():
    line, spot = ellipse((40, 40), (20, 12), 2), ellipse((90, 50), (20, 12), -1)
    colors = count_colors([paint(line), paint(spot, (0, 0, 255)), GRAY])
    share = 100 * spot.sum() / spot.size / 3
    assert str(colors).startswith(f"blue '#0000ff' ({share:.2g}% of the pixels), red '#ff0000' (")
    assert colors.share() == pytest.approx((line.sum() + spot.sum()) / spot.size / 3)
    assert not count_colors([GRAY, jpeg(GRAY)])


def test_names_of_colors():
    assert parse_color("rgb(10, 200, 30)") == (10, 200, 30)
    for text in ("reddish", "#12", "gray", "white", "black"):
        with pytest.raises(ValueError, match=f"Expected --color .* but got '{text}'"):
            parse_color(text)


def test_a_picture_and_numbers_of_objects():
    assert looks_like_image(GRAY[..., 0])
    numbers = np.kron(np.arange(48).reshape(6, 8), np.ones((16, 16), int))
    assert not looks_like_image(numbers)
    assert not looks_like_image(cv2.GaussianBlur(numbers.astype(np.uint8) // 40 * 255, (3, 3), 0))
