# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.imageio.masks import read_mask
from rankseg.projects.mask_decoding import decode_stats, encode_stats, read_codes
from rankseg.projects.mask_plan import identity_plan, make_plan
from rankseg.testing.raw import COLORS, KINDS, encode_mask, scene


def looks_of(*paths: Path) -> dict:
    return {path: decode_stats(encode_stats(read_codes(path), str(path))) for path in paths}


@pytest.fixture
def save(tmp_path):
    def write(*pixels: np.ndarray) -> dict:
        paths = [tmp_path / f"{i}.png" for i in range(len(pixels))]
        for path, values in zip(paths, pixels, strict=True):
            Image.fromarray(np.asarray(values, np.uint8)).save(path)
        return looks_of(*paths)

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_that_were_painted(tmp_path, kind):
    ids = scene(0)[1]
    path = tmp_path / f"m.{'tif' if kind == 'tiff16' else 'png'}"
    encode_mask(ids, kind).save(path)
    looks = looks_of(path)
    plan = make_plan(looks)
    expected = ids.copy()
    if kind in ("binary", "rgb_binary"):
        expected = np.uint8(ids > 0)
    if kind == "ids_255":
        expected[0] = 255
    found = plan.ids(read_codes(path))
    assert found.dtype == np.uint8 and np.array_equal(found, expected)
    assert np.array_equal(plan.counts(looks[path]), np.bincount(expected.ravel(), minlength=256))
    assert plan.stay == (kind in ("ids", "ids_255", "binary", "levels", "palette", "tiff16"))
    if plan.stay:
        assert np.array_equal(read_mask(path, plan.rule), expected), "training reads the same"


def test_names_of_colors(save):
    plan = make_plan(save(np.array([COLORS])), names=("a", "b", "c"))
    assert plan.classes == ("a", "b", "c") and plan.palette == COLORS
    assert make_plan(save(np.array([COLORS]))).classes == ("#000000", "#0000ff", "#ff8000")


def test_table_orders_merges_and_ignores(save):
    table = {0x0000FF: "car", 0xFF8000: "void", 0x00FF00: "tree", 0: "car"}
    plan = make_plan(save([COLORS, [(0, 255, 0)] * 3]), table=table)
    assert plan.classes == ("car", "tree")
    assert plan.codes == {0x0000FF: 0, 0xFF8000: 255, 0x00FF00: 1, 0: 0}
    assert plan.palette == ((0, 0, 255), (0, 255, 0))


def test_color_that_is_not_in_the_table(save):
    with pytest.raises(ValueError, match=r"0.png has the color 255 128 0 \(#ff8000\) at column 2"):
        make_plan(save([COLORS]), table={0: "sky", 255: "car"})


def test_palettes_that_differ_are_colors(tmp_path):
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for path, order in zip(paths, ((0, 1, 2), (0, 2, 1)), strict=True):
        image = Image.fromarray(np.array([order], np.uint8))
        image.putpalette([channel for k in order for channel in COLORS[k]])
        image.save(path)
    plan = make_plan(looks_of(*paths))
    assert plan.by_color and not plan.stay and "palettes differ" in plan.notes[0]
    same = [plan.ids(read_codes(path)).tolist() for path in paths]
    assert same[0] == same[1] == [[0, 1, 2]]


def test_above(save):
    looks = save([[0, 3, 200]], [[0, 17, 90]])
    plan = make_plan(looks, above=10)
    assert not plan.stay and plan.codes == {0: 0, 3: 0, 17: 1, 90: 1, 200: 1}
    with pytest.raises(ValueError, match="--above 200: all values .* expected a number from 0 to"):
        make_plan(looks, above=200)
    with pytest.raises(ValueError, match="--above makes two classes, --classes names 3"):
        make_plan(looks, names=("a", "b", "c"), above=10)
    with pytest.raises(ValueError, match="--above is for masks of numbers"):
        make_plan(save([COLORS]), above=1)


def test_255_that_may_be_a_class_is_told(save):
    plan = make_plan(save([[0, 1]], [[0, 255]], [[0, 255]]))
    assert plan.codes[255] == 255
    assert any("2 masks hold 0 and 255 alone, others 1" in note for note in plan.notes)
    plan = make_plan(save([[0, 1, 255]], [[0, 255, 255]]))
    assert not any("alone" in note for note in plan.notes), "a mask says what 255 is"


def test_absent_classes_are_told(save):
    plan = make_plan(save([[0, 2]]), names=("a", "b", "c"))
    assert plan.codes == {0: 0, 2: 2} and plan.notes[0] == "no mask holds b"


def test_refused(save):
    with pytest.raises(ValueError, match=r"all 2 masks hold one value only \(7\)"):
        make_plan(save([[7, 7]], [[7, 7]]))
    with pytest.raises(ValueError, match="256 different values .*--above 0 for numbered objects"):
        make_plan(save([np.arange(256)]))
    with pytest.raises(ValueError, match="the masks hold 3 colors .* --classes names 2 classes"):
        make_plan(save([COLORS]), names=("a", "b"))
    many = np.stack([np.arange(65), np.zeros(65), np.zeros(65)], -1)[None]
    with pytest.raises(ValueError, match="the masks hold 65 colors .* at most 64 may be classes"):
        make_plan(save(many))
    with pytest.raises(ValueError, match="give one of the two"):
        make_plan(save([COLORS]), names=("a", "b"), table={0: "a", 1: "b"})
    table = {0: "sky", 0x0000FF: "car", 0xFF8000: "ignore"}
    with pytest.raises(ValueError, match="all masks hold car alone"):
        make_plan(save([COLORS[1:]]), table=table)


def test_jpeg_makes_no_classes(tmp_path):
    values = np.zeros((40, 40), np.uint8)
    values[5:20, 7:30] = 255
    Image.fromarray(values).save(tmp_path / "a.jpg", quality=95)
    looks = looks_of(tmp_path / "a.jpg")
    for names in (None, ("a", "b")):
        with pytest.raises(ValueError, match="a.jpg is a JPEG file, .* --above 127"):
            make_plan(looks, names)
    assert np.array_equal(
        make_plan(looks, above=127).ids(read_codes(tmp_path / "a.jpg")), values // 255
    )


def test_numbers_that_may_be_those_of_objects_are_told(save):
    many, few = save([np.arange(12)]), save([np.arange(5)])
    assert any("--above 0" in note for note in make_plan(many).notes)
    assert not make_plan(few).notes
    assert not make_plan(save([np.arange(12)]), names=[str(k) for k in range(12)]).notes


def test_plan_of_ids():
    plan = identity_plan(("a", "b", "c"))
    assert plan.codes == {0: 0, 1: 1, 2: 2} and not plan.stay and len(plan.palette) == 3
