# SPDX-License-Identifier: Apache-2.0
"""What holds for any mask, any list and any split, looked for by hypothesis."""

import io
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from PIL import Image

from rankseg.datasets import read_mask
from rankseg.datasets import split_drawing as drawing
from rankseg.datasets.class_names import read_classes
from rankseg.datasets.splits.splits import check_inside, format_list, read_list
from rankseg.errors import FileError
from rankseg.imageio.listing import ENDINGS

settings.register_profile(
    "rankseg",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("rankseg")

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def pixels_of(seed: int, size: tuple[int, int], values: list[int], dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array(values, dtype), size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(seed=seeds, size=sizes, values=st.lists(st.integers(0, 255), min_size=1, max_size=9),
       kind=st.sampled_from(["L", "P", "I;16", "TIFF", "GIF", "BMP"]))  # fmt: skip
def test_a_mask_is_read_as_it_was_written(folder, seed, size, values, kind):
    ids = pixels_of(seed, size, values)
    image = Image.fromarray(ids.astype(np.uint16) if kind == "I;16" else ids)
    if kind == "P":
        image.putpalette(np.random.default_rng(seed).integers(0, 256, 768, np.uint8).tobytes())
    path = folder / "mask"
    image.save(path, kind if kind in ("TIFF", "GIF", "BMP") else "PNG", optimize=False)
    if kind != "GIF":  # renumbers a palette
        assert np.array_equal(read_mask(path), ids)
    read = read_mask(path)
    assert read.dtype == np.uint8 and read.shape == size


@given(
    seed=seeds,
    size=sizes,
    values=st.lists(st.integers(0, 65535), min_size=1, max_size=6),
    rule=st.dictionaries(st.integers(0, 65535), st.integers(0, 255), max_size=6),
)
def test_any_rule_maps_its_values_and_keeps_the_others(folder, seed, size, values, rule):
    stored = pixels_of(seed, size, values, np.uint16)
    wanted = np.vectorize(lambda value: rule.get(value, value))(stored.astype(int))
    Image.fromarray(stored).save(folder / "mask", "PNG")
    if wanted.max() > 255:
        with pytest.raises(ValueError, match=r"mask .* got the values \["):
            read_mask(folder / "mask", rule)
    else:
        assert np.array_equal(read_mask(folder / "mask", rule), wanted)


@given(seed=seeds, size=sizes, values=st.sets(st.integers(0, 255), min_size=1, max_size=3))
def test_two_classes(folder, seed, size, values):
    stored = pixels_of(seed, size, sorted(values))
    Image.fromarray(stored).save(folder / "mask", "PNG")
    if set(np.unique(stored)) - {0} in ({1}, {255}, set()):
        assert np.array_equal(read_mask(folder / "mask", "binary"), stored != 0)
    else:
        with pytest.raises(ValueError, match="binary=True, but got the values"):
            read_mask(folder / "mask", "binary")


@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"BM",
       b"GIF89a", b"II*\0", b"\xff\xd8\xff\xe0", b"RIFF0000WEBP", b"P5 3 3 255\n"]))  # fmt: skip
def test_bytes_are_no_mask_or_image_and_say_so(folder, content, start):
    from rankseg.datasets.checks import read_image_info

    (folder / "some").write_bytes(start + content)
    for read in (read_mask, read_image_info):
        try:
            read(str(folder / "some"))
        except ValueError as error:
            assert str(folder / "some") in str(error) and "\n" not in str(error)


@given(data=st.data(), share=st.floats(0, 1))
def test_damage_in_a_good_file_is_one_sentence_or_none(folder, data, share):
    from rankseg.imageio.reading import read_image

    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"]))
    file = io.BytesIO()
    Image.fromarray(pixels_of(0, (9, 7, 3), list(range(256)))).save(file, kind)
    content = bytearray(file.getvalue())
    content[int(share * (len(content) - 1))] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    (folder / "some").write_bytes(content)
    try:
        assert read_image(str(folder / "some")).shape[2] == 3
    except ValueError as error:
        assert str(folder / "some") in str(error) and "\n" not in str(error)


letters = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="/#")
plain = st.text(letters, min_size=1, max_size=8).filter(lambda s: s not in (".", ".."))
blanks = st.tuples(plain, st.sampled_from(["", " ", "  ", "\u3000"]), plain).map("".join)
names = st.tuples(plain, blanks, st.sampled_from(ENDINGS)).map(lambda p: f"{p[0]}/{p[1]}{p[2]}")
anything = st.text(max_size=12)


@given(entries=st.lists(st.tuples(names, st.none() | names), min_size=1, max_size=6))
def test_names_that_are_written_are_read_back(folder, entries):
    (folder / "list.txt").write_text(format_list(entries), encoding="utf-8")
    assert read_list(folder / "list.txt") == entries


@given(entries=st.lists(st.tuples(anything, st.none() | anything), min_size=1, max_size=4))
@example(entries=[("a\nb.png", None)])
@example(entries=[("a.png b.png", None)])
@example(entries=[("\ufeffa.png", None)])
@example(entries=[("\udce9.png", None)])
def test_any_name_is_read_back_or_refused_when_written(folder, entries):
    from posixpath import normpath

    try:
        text = format_list(entries)
    except ValueError as error:
        assert "which a list cannot hold" in str(error)
        return
    (folder / "list.txt").write_text(text, encoding="utf-8", newline="")
    wanted = [(normpath(image), label and normpath(label)) for image, label in entries]
    assert read_list(folder / "list.txt") == wanted


@given(content=st.binary(max_size=200) | anything.map(lambda text: text.encode("utf-8", "replace")))
@example(content=b"\xff\xfea\0")
@example(content=b"#")
@example(content=b"a\tb\tc")
def test_any_bytes_are_a_list_or_a_value_error(folder, content):
    (folder / "list.txt").write_bytes(content)
    for read in (read_list, read_classes):
        try:
            found = read(folder / "list.txt")
        except ValueError as error:
            assert type(error) in (ValueError, FileError) and str(folder / "list.txt") in str(error)
        else:
            assert found


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1, max_size=7),
       top=st.booleans())  # fmt: skip
def test_only_names_below_the_data_root_pass(folder, parts, top):
    name = ("/" if top else "") + "/".join(parts)
    root = folder / "root"
    inside = (root / name).resolve().is_relative_to(root) and (root / name).resolve() != root
    if not name:
        return
    try:
        check_inside([(name, None)], root, "list")
    except ValueError:
        assert not inside
    else:
        assert inside or (root / name).resolve() == root


@given(
    seed=seeds, number=st.integers(2, 30), classes=st.integers(1, 5), share=st.floats(0.01, 0.99)
)
def test_drawn_splits_are_disjoint_complete_covering_and_repeatable(seed, number, classes, share):
    rng = np.random.default_rng(seed)
    pixels = np.zeros((number, 256), np.int64)
    pixels[:, :classes] = rng.integers(0, 3, (number, classes))
    masked = rng.random(number) < 0.8
    pixels[~masked] = 0
    entries = [(f"{i}.png", f"m{i}.png" if masked[i] else None) for i in range(number)]
    try:
        labeled, unlabeled = drawing.make_split(entries, share, seed, pixels)
    except ValueError as error:
        assert (
            "Expected size to give" in str(error)
            or "Draw fewer" in str(error)
            or "Draw at least" in str(error)
        )
        return
    assert not set(labeled) & set(unlabeled)
    assert sorted(labeled + unlabeled) == sorted(entries)
    assert len(labeled) == int(np.ceil(share * number - 1e-9))
    assert all(mask for _, mask in labeled)
    rows = [entries.index(entry) for entry in labeled]
    assert ((pixels > 0).any(0) == (pixels[rows] > 0).any(0)).all()
    assert drawing.make_split(entries, share, seed, pixels) == (labeled, unlabeled)


@given(seed=seeds, each=st.integers(1, 4), classes=st.integers(1, 5), share=st.floats(0, 0.9))
def test_balanced_splits_hold_as_many_of_every_class(seed, each, classes, share):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(-1, classes), each + 2))
    drawn = [
        drawing.draw_balanced(labels, [*map(str, range(classes))], each * classes,
                              np.random.default_rng(seed))
        for _ in range(2)
    ]  # fmt: skip
    assert np.array_equal(*drawn)
    assert np.array_equal(np.bincount(labels[drawn[0]], minlength=classes), [each] * classes)
    rng = np.random.default_rng(seed)
    try:
        kept, val = drawing.hold_out(labels, drawn[0], [*map(str, range(classes))], share, rng)
    except ValueError as error:
        assert "to remain" in str(error) and "--val-share" in str(error)
        return
    assert np.array_equal(np.sort(np.concatenate([kept, val])), drawn[0])
    counts = np.bincount(labels[kept], minlength=classes)
    assert counts.min() == counts.max() > 0
