# SPDX-License-Identifier: Apache-2.0
"""Masks of a stack are read by a rule, and refused with the option that is missing."""

import cv2
import numpy as np
import pytest
import tifffile

from rankseg.errors import FileError
from rankseg.imageio.tiff import TiffStack
from rankseg.projects.stack_masks import (
    MaskRule,
    as_ranges,
    check_kind,
    describe_empty,
    describe_marks,
    inspect_masks,
)

RED = (255, 0, 0)
GRAY = np.random.default_rng(0).integers(0, 256, (6, 64, 80), dtype=np.uint8)


@pytest.fixture
def stack(tmp_path):
    opened = []

    def stack(values):
        photometric = "rgb" if values.ndim == 4 else "minisblack"
        tifffile.imwrite(tmp_path / "masks.tif", values, photometric=photometric)
        opened.append(TiffStack(tmp_path / "masks.tif", "stack of train masks"))
        return opened[-1]

    yield stack
    for one in opened:
        one.close()


def outlined(color=RED):
    """Outlines on slices 2 and 5 of a gray stack, one of the second open; the share of both."""
    pages, truth = np.repeat(GRAY[..., None], 3, -1), np.zeros(GRAY.shape, bool)
    for page in (1, 4):
        drawn = np.zeros((64, 80), np.uint8)
        cv2.rectangle(drawn, (20, 16), (51, 39), 1, 2)
        truth[page, 15:41, 19:53] = True
        pages[page][drawn > 0] = color
    pages[4, 50:52, 10:70] = color
    truth[4, 50:52, 10:70] = True
    return pages, truth


def look(stack, rule):
    check_kind(stack, rule)
    return inspect_masks(stack, {i: i for i in range(len(stack))}, rule)


def test_outlines_of_a_color(stack):
    pages, truth = outlined()
    found = look(stack(pages), MaskRule(color=RED))
    assert found.share == {i: pytest.approx(truth[i].mean(), abs=0.01) for i in range(6)}
    assert (found.marks, found.open) == ((2, 0, 1), (4,))
    assert found.share[0] == 0


def test_outlines_in_a_palette_file(tmp_path):
    """ImageJ saves them so, as 8-bit color."""
    pages, truth = outlined()
    palette = np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 3, 0)
    palette[:, 255] = 65535, 0, 0
    red = (pages == RED).all(-1)
    values = np.where(red, 255, pages[..., 0] // 2).astype(np.uint8)
    tifffile.imwrite(tmp_path / "masks.tif", values, photometric="palette", colormap=palette)
    with TiffStack(tmp_path / "masks.tif", "stack of train masks") as stack:
        assert look(stack, MaskRule(color=RED)).share[4] == pytest.approx(truth[4].mean(), abs=0.01)
        with pytest.raises(FileError, match="as in a gray image.*--color red"):
            look(stack, MaskRule())


def test_raises_on_colors_without_a_choice(stack):
    pages, _ = outlined()
    for above in (None, 127):
        with pytest.raises(FileError, match=r"got colors: red '#ff0000' \(.*--color '#ff0000'"):
            look(stack(pages), MaskRule(above))
    with pytest.raises(FileError, match="marks of the color #0000ff, but got red '#ff0000'"):
        look(stack(pages), MaskRule(color=(0, 0, 255)))
    with pytest.raises(FileError, match="for --color, but got one gray channel"):
        look(stack(GRAY), MaskRule(color=RED))
    with pytest.raises(
        FileError, match="to be gray, or RGB of 8 bits, but got 3 samples of uint16"
    ):
        look(stack(pages.astype(np.uint16)), MaskRule(color=RED))
    with pytest.raises(FileError, match="to have background, but got 6 masks of foreground only"):
        look(stack(np.full_like(pages, RED)), MaskRule(color=RED))


def test_descriptions():
    assert as_ranges([]) == "" and as_ranges([3]) == "3"
    (text,) = describe_empty([1, 2, 4], 5, kept=False, named=False)
    assert text.startswith("3 of 5 masks are empty (slices 1-2, 4) and not used as labels")
    assert "--labeled-slices" in text and "--empty-masks background" in text
    (text,) = describe_empty([2], 3, kept=True, named=True)
    assert text.endswith("used as labels of background (--labeled-slices names them)")
    assert describe_empty([], 5, kept=False, named=False) == []
    assert describe_marks((3, 1, 2), [4, 5]) == [
        "filled 3 closed outlines",
        "filled 1 outline that ends at the edge of a page, on the smaller side",
        "warning: 2 outlines are not closed (slices 4-5), so only the lines are foreground. Close "
        "them and convert again",
    ]
    assert describe_marks((0, 0, 0), []) == []
