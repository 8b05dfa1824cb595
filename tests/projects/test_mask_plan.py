# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.imageio.masks import read_mask
from rankseg.projects.mask_decoding import decode_stats, encode_stats, read_codes
from rankseg.projects.mask_plan import identity_plan, make_plan
from rankseg.testing.raw import COLORS, KINDS, encode_mask, scene


def stats_of(*paths: Path) -> dict:
    return {path: decode_stats(encode_stats(read_codes(path), str(path))) for path in paths}


@pytest.fixture
def save(tmp_path):
    def write(*pixels: np.ndarray) -> dict:
        paths = [tmp_path / f"{i}.png" for i in range(len(pixels))]
        for path, values in zip(paths, pixels, strict=True):
            Image.fromarray(np.asarray(values, np.uint8)).save(path)
        return stats_of(*paths)

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_the_painted_ids(tmp_path, kind):
    ids = scene(0)[1]
    path = tmp_path / f"m.{'tif' if kind == 'tiff16' else 'png'}"
    encode_mask(ids, kind).save(path)
    masks = stats_of(path)
    plan = make_plan(masks)
    expected = ids.copy()
    if kind in ("binary", "rgb_binary"):
        expected = np.uint8(ids > 0)
    if kind == "ids_255":
        expected[0] = 255
    found = plan.ids(read_codes(path))
    assert found.dtype == np.uint8 and np.array_equal(found, expected)
    assert np.array_equal(plan.counts(masks[path]), np.bincount(expected.ravel(), minlength=256))
    assert plan.readable == (kind in ("ids", "ids_255", "binary", "levels", "palette", "tiff16"))
    if plan.readable:
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


def test_raises_on_a_color_outside_the_table(save):
    with pytest.raises(ValueError, match=r"0.png has the color 255 128 0 \(#ff8000\) at column 2"):
        make_plan(save([COLORS]), table={0: "sky", 255: "car"})


def test_different_palettes_are_read_as_colors(tmp_path):
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for path, order in zip(paths, ((0, 1, 2), (0, 2, 1)), strict=True):
        image = Image.fromarray(np.array([order], np.uint8))
        image.putpalette([channel for k in order for channel in COLORS[k]])
        image.save(path)
    plan = make_plan(stats_of(*paths))
    assert plan.by_color and not plan.readable and "palettes of the masks differ" in plan.notes[0]
    same = [plan.ids(read_codes(path)).tolist() for path in paths]
    assert same[0] == same[1] == [[0, 1, 2]]


def test_above(save):
    masks = save([[0, 3, 200]], [[0, 17, 90]])
    plan = make_plan(masks, above=10)
    assert not plan.readable and plan.codes == {0: 0, 3: 0, 17: 1, 90: 1, 200: 1}
    with pytest.raises(ValueError, match="--above to be from 0 to 199, .* but got 200"):
        make_plan(masks, above=200)
    with pytest.raises(ValueError, match="two names in --classes for --above, but got 3"):
        make_plan(masks, names=("a", "b", "c"), above=10)
    with pytest.raises(ValueError, match="masks of numbers for --above, but got colors"):
        make_plan(save([COLORS]), above=1)


def test_raises_if_255_may_be_a_class(save):
    masks = save([[0, 1]], [[0, 255]], [[0, 255]])
    for names in (None, ("a", "b")):
        with pytest.raises(ValueError, match=r"2 of 3 masks hold only 0 and 255.*--above 0"):
            make_plan(masks, names)
    assert make_plan(masks, above=0).codes == {0: 0, 1: 1, 255: 1}
    table = {0: "a", 0x010101: "b", 0xFFFFFF: "ignore"}
    assert make_plan(masks, table=table).codes == {0: 0, 0x010101: 1, 0xFFFFFF: 255}
    plan = make_plan(save([[0, 1, 2]], [[0, 255, 255]]))
    assert any("1 masks hold only 0 and 255" in note for note in plan.notes)
    plan = make_plan(save([[0, 1, 255]], [[0, 255, 255]]))
    assert not any("hold only" in note for note in plan.notes), "a mask says what 255 is"


def test_notes_absent_classes(save):
    plan = make_plan(save([[0, 2]]), names=("a", "b", "c"))
    assert plan.codes == {0: 0, 2: 2} and plan.notes[0] == "no mask holds the classes b"


def test_raises_on_unclear_masks(save):
    with pytest.raises(ValueError, match="all 2 masks hold the single value 7"):
        make_plan(save([[7, 7]], [[7, 7]]))
    with pytest.raises(ValueError, match="at most 64 .* got 256: .*--above 0 for numbered objects"):
        make_plan(save([np.arange(256)]))
    with pytest.raises(ValueError, match="2 colors, as --classes names, but got 3 .*--colors"):
        make_plan(save([COLORS]), names=("a", "b"))
    many = np.stack([np.arange(65), np.zeros(65), np.zeros(65)], -1)[None]
    with pytest.raises(ValueError, match="at most 64 colors, but got 65 .*--colors"):
        make_plan(save(many))
    with pytest.raises(ValueError, match="but got both"):
        make_plan(save([COLORS]), names=("a", "b"), table={0: "a", 1: "b"})
    table = {0: "sky", 0x0000FF: "car", 0xFF8000: "ignore"}
    with pytest.raises(ValueError, match="two classes or more, but got only car"):
        make_plan(save([COLORS[1:]]), table=table)


def test_raises_on_jpeg_masks(tmp_path):
    values = np.zeros((40, 40), np.uint8)
    values[5:20, 7:30] = 255
    Image.fromarray(values).save(tmp_path / "a.jpg", quality=95)
    masks = stats_of(tmp_path / "a.jpg")
    for names in (None, ("a", "b")):
        with pytest.raises(ValueError, match="a.jpg is a JPEG file, .* --above 127"):
            make_plan(masks, names)
    assert np.array_equal(
        make_plan(masks, above=127).ids(read_codes(tmp_path / "a.jpg")), values // 255
    )


def test_notes_numbers_that_may_be_objects(save):
    many, few = save([np.arange(12)]), save([np.arange(5)])
    assert any("--above 0" in note for note in make_plan(many).notes)
    assert not make_plan(few).notes
    assert not make_plan(save([np.arange(12)]), names=[str(k) for k in range(12)]).notes


def test_notes_a_class_named_ignore(save):
    plan = make_plan(save([[0, 1, 2]]), names=("a", "b", "Ignore"))
    assert plan.codes == {0: 0, 1: 1, 2: 2}
    assert any("'Ignore' is trained like any other" in note for note in plan.notes)


def test_identity_plan():
    plan = identity_plan(("a", "b", "c"))
    assert plan.codes == {0: 0, 1: 1, 2: 2} and not plan.readable and len(plan.palette) == 3
