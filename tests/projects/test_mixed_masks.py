# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.projects.mask_decoding import decode_stats, encode_stats, read_codes
from rankseg.projects.mask_plan import make_plan

WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


def area(*values: int) -> np.ndarray:
    """``(8, 8 * n)`` uint8: a block of each value."""
    return np.repeat(np.repeat(np.uint8([values]), 8, 0), 8, 1)


def gray(*values: int) -> Image.Image:
    return Image.fromarray(area(*values))


def palette(colors: dict[int, tuple], *indices: int) -> Image.Image:
    """A palette image; colors that are not given are black."""
    image = Image.fromarray(area(*indices))
    table = [colors.get(k, (0, 0, 0)) for k in range(256)]
    image.putpalette([channel for color in table for channel in color])
    return image


def bits(*values: int) -> Image.Image:
    return Image.fromarray(area(*values) > 0)


def rgb(*colors: tuple) -> Image.Image:
    return Image.fromarray(np.uint8(colors)[area(*range(len(colors)))])


def deep(*values: int) -> Image.Image:
    return Image.fromarray(np.uint16(values)[area(*range(len(values)))])


@pytest.fixture
def ids(tmp_path):
    """Read the class ids of the blocks of every mask."""

    def read(*images: Image.Image) -> list[list[int]]:
        paths = [tmp_path / f"{k}.png" for k in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            image.save(path)
        looks = {path: decode_stats(encode_stats(read_codes(path), str(path))) for path in paths}
        plan = make_plan(looks)
        for path in paths:
            assert plan.counts(looks[path]).sum() == 64 * (plan.ids(read_codes(path)).size // 64)
        return [plan.ids(read_codes(path))[0, ::8].tolist() for path in paths]

    return read


TRANSPARENT = Image.fromarray(np.stack([area(255, 255), area(0, 255)], -1), "LA")
VOC = {1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 255: (224, 224, 192)}


@pytest.mark.parametrize(
    "images",
    [
        (gray(0, 255), palette({251: WHITE}, 0, 251)),
        (gray(0, 255), palette({1: WHITE}, 0, 1)),
        (gray(0, 255), palette({0: WHITE}, 1, 0)),
        (gray(0, 255), palette({255: WHITE}, 0, 255)),
        (palette({7: WHITE}, 0, 7), palette({251: WHITE}, 0, 251)),
        (gray(0, 255), bits(0, 1)),
        (gray(0, 255), rgb((0, 0, 0), WHITE)),
        (gray(0, 255), deep(0, 65535)),
        (gray(0, 255), TRANSPARENT),
        (
            gray(0, 255),
            rgb((0, 0, 0), WHITE).convert("RGBA"),
            palette({9: WHITE}, 0, 9),
            bits(0, 1),
        ),
        (gray(0, 1), palette({1: RED}, 0, 1)),
        (gray(0, 1), bits(0, 1)),
        (gray(0, 1), palette({1: WHITE}, 0, 1)),
        (palette({1: RED}, 0, 1), palette({2: RED}, 0, 2)),
        (gray(0, 255), gray(0), palette({251: WHITE}, 0, 251)),
    ],
)
def test_one_color_is_one_class(ids, images):
    for found in ids(*images):
        assert found == [0, 1][: len(found)]


def test_classes_follow_indices_if_gray_masks_repeat_them(ids):
    found = ids(palette(VOC, 0, 1, 2), gray(0, 1, 2), gray(0, 3, 255), palette(VOC, 3, 255, 0))
    assert found == [[0, 1, 2], [0, 1, 2], [0, 3, 255], [3, 255, 0]]


def test_classes_follow_indices_if_a_palette_repeats_a_color(ids):
    assert ids(palette({}, 0, 1, 2), gray(0, 1, 2)) == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize(
    ("images", "match"),
    [
        ((gray(0, 1, 255), palette({1: WHITE}, 0, 1)), "number 1 has the colors #010101, #fff"),
        (
            (gray(0, 255), palette({1: RED}, 0, 1)),
            r"gray masks hold 0 and 255, and palette .*\[0, 1",
        ),
        (
            (gray(0, 255), rgb((0, 0, 0), RED)),
            "0.png is gray with the value 255.*color mask has #ffffff",
        ),
        ((gray(0, 1), rgb((0, 0, 0), RED)), "0.png is gray with the value 1"),
    ],
)
def test_raises_on_conflicting_kinds(ids, images, match):
    with pytest.raises(
        ValueError, match=rf"{match}.* Save all masks in the same way, or .*--colors"
    ):
        ids(*images)


def test_color_table_resolves_conflicts(tmp_path):
    images = (gray(0, 255), palette({1: RED}, 0, 1))
    looks = {}
    for k, image in enumerate(images):
        image.save(tmp_path / f"{k}.png")
        path = Path(tmp_path / f"{k}.png")
        looks[path] = decode_stats(encode_stats(read_codes(path), str(path)))
    plan = make_plan(looks, table={0: "gap", 0xFFFFFF: "cell", 0xFF0000: "cell"})
    assert [plan.ids(read_codes(path))[0, ::8].tolist() for path in looks] == [[0, 1], [0, 1]]
