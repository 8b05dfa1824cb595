# SPDX-License-Identifier: Apache-2.0
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.imageio.masks import check_mask, check_values, read_mask

VALUES = np.array([[0, 1, 2], [5, 20, 255]], dtype=np.uint8)


def save(path: Path, values: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(values)
    if mode == "P":
        image = image.copy()
        image.putpalette([7, 99, 3] * 256)
    image.save(path)
    return path


def gray_png(path: Path, rows: list[bytes], width: int, bits: int) -> Path:
    """Write a gray PNG of few bits by hand, as Pillow does not."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("mode", ["L", "P"])
def test_values_are_kept_in_gray_and_palette_files(tmp_path, mode):
    mask = read_mask(save(tmp_path / "m.png", VALUES, mode))
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, VALUES)


def test_sixteen_bit_and_one_bit_files(tmp_path):
    wide = save(tmp_path / "wide.png", VALUES.astype(np.uint16))
    assert np.array_equal(read_mask(wide), VALUES)
    bits = save(tmp_path / "bits.png", VALUES > 1)
    assert np.array_equal(read_mask(bits), VALUES > 1)
    assert read_mask(bits).dtype == np.uint8


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [(4, b"\x0f\x30", [0, 15, 3]), (2, b"\x1b", [0, 1, 2]), (1, b"\x40", [0, 1, 0])],
)
def test_gray_of_few_bits_is_not_scaled(tmp_path, bits, row, expected):
    path = gray_png(tmp_path / "m.png", [row, row], width=3, bits=bits)
    assert np.array_equal(read_mask(path), [expected, expected])


@pytest.mark.parametrize("high", [1, 255])
def test_binary_maps_the_other_value_to_one(tmp_path, high):
    path = save(tmp_path / "m.png", np.array([[0, high, 0]], dtype=np.uint8))
    assert read_mask(path, "binary").tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("values", [[0, 1, 255], [0, 128], [7, 255]])
def test_binary_raises_on_other_values(tmp_path, values):
    path = save(tmp_path / "m.png", np.array([values], dtype=np.uint8))
    with pytest.raises(
        ValueError, match=r"m\.png .*0 for background .*binary=True, but got the values"
    ):
        read_mask(path, "binary")


def test_mapping_replaces_named_values_at_once(tmp_path):
    path = save(tmp_path / "m.png", VALUES)
    swapped = read_mask(path, {1: 2, 2: 1, 20: 255, "5": 3})
    assert swapped.tolist() == [[0, 2, 1], [3, 255, 255]]
    wide = save(tmp_path / "w.png", np.array([[1000, 3]], dtype=np.uint16))
    assert read_mask(wide, {1000: 4}).tolist() == [[4, 3]]


def test_raises_on_values_above_255(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1000]], dtype=np.uint16))
    with pytest.raises(ValueError, match=r"m\.png to hold class ids .* got the values \[0, 1000\]"):
        read_mask(path)


def test_raises_on_unknown_rule(tmp_path):
    with pytest.raises(
        ValueError, match="label_rule to be None, 'binary' or a mapping, but got 'bin'"
    ):
        read_mask(save(tmp_path / "m.png", VALUES), "bin")


def test_raises_on_color_images(tmp_path):
    path = save(tmp_path / "m.png", np.zeros((2, 2, 3), dtype=np.uint8))
    with pytest.raises(
        ValueError, match=r"m\.png to have one channel .* got a color image \(mode RGB\)"
    ):
        read_mask(path)


def test_raises_on_missing_and_damaged_files(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"mask .*gone\.png, but it does not exist\. Correct the l"
    ):
        read_mask(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"mask .*text\.png .*cannot be decoded"):
        read_mask(tmp_path / "text.png")
    whole = save(
        tmp_path / "cut.png", np.random.default_rng(0).integers(0, 9, (64, 64)).astype("B")
    )
    whole.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(ValueError, match=r"cut\.png .*cannot be decoded"):
        read_mask(whole)


def test_voc_forms_agree(shared):
    root = shared / "data/voc_mini/VOCdevkit/VOC2012"
    for path in sorted((root / "SegmentationClass").glob("*.png")):
        other = root / "SegmentationClassAug" / path.name
        assert np.array_equal(read_mask(path), read_mask(other))
        assert set(np.unique(read_mask(path))) <= {*range(21), 255}


@pytest.mark.parametrize("value", [3, 4, 128, 254])
def test_raises_on_values_that_are_no_class(value):
    mask = np.array([[0, 1, 2], [255, 255, value]], dtype=np.uint8)
    match = rf"mask a/m\.png .* 0 to 2 \(a, b, c\) and 255 .* got \[{value}\], which is no class"
    with pytest.raises(ValueError, match=match):
        check_mask(mask, ("a", "b", "c"), "a/m.png")
    check_mask(np.where(mask == value, 2, mask).astype(np.uint8), ("a", "b", "c"), "a/m.png")
    check_mask(np.full((2, 2), 255, np.uint8), ("a", "b", "c"), "a/m.png")


def test_another_ignore_label():
    check_values(np.array([0, 1, 9]), ("a", "b"), "m.png", ignore=9)
    with pytest.raises(ValueError, match=r"and 9 for ignore, but got \[255\], which is no class"):
        check_values(np.array([0, 1, 255]), ("a", "b"), "m.png", ignore=9)
