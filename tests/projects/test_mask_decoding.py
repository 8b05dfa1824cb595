# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.errors import FileError
from rankseg.projects import mask_decoding as codes
from rankseg.projects.mask_decoding import decode_stats, encode_stats, pack, read_codes, unpack

IDS = np.array([[0, 1], [2, 2]], np.uint8)


def save(tmp_path, image: Image.Image, name: str = "m.png") -> str:
    image.save(tmp_path / name)
    return str(tmp_path / name)


def test_gray_and_palette(tmp_path):
    path = save(tmp_path, Image.fromarray(IDS))
    assert (read_codes(path).kind, read_codes(path).values.tolist()) == (codes.GRAY, IDS.tolist())
    image = Image.fromarray(IDS)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    found = read_codes(save(tmp_path, image))
    assert (found.kind, found.values.tolist()) == (codes.PALETTE, IDS.tolist())
    assert found.as_colors().tolist() == [[0, 0xFF0000], [0x0000FF, 0x0000FF]]


def test_colors(tmp_path):
    pixels = np.array([[[1, 2, 3], [0, 0, 0]]], np.uint8)
    found = read_codes(save(tmp_path, Image.fromarray(pixels)))
    assert (found.kind, found.values.tolist()) == (codes.COLOR, [[0x010203, 0]])


def test_gray_saved_as_color_is_numbers(tmp_path):
    found = read_codes(save(tmp_path, Image.fromarray(np.repeat(IDS[..., None], 3, 2))))
    assert (found.kind, found.values.tolist()) == (codes.GRAY_AS_COLOR, IDS.tolist())
    assert found.as_colors().tolist() == [[0, 0x010101], [0x020202, 0x020202]]


def test_transparent_is_black_and_semi_transparent_raises(tmp_path):
    pixels = np.array([[[9, 8, 7, 255], [9, 8, 7, 0]]], np.uint8)
    assert read_codes(save(tmp_path, Image.fromarray(pixels))).values.tolist() == [[0x090807, 0]]
    pixels[0, 1, 3] = 100
    with pytest.raises(FileError, match="semi-transparent pixels, first at column 1, row 0"):
        read_codes(save(tmp_path, Image.fromarray(pixels)))


def test_whole_floats_are_numbers_and_fractions_raise(tmp_path):
    path = save(tmp_path, Image.fromarray(IDS.astype(np.float32)), "m.tif")
    assert (read_codes(path).kind, read_codes(path).values.tolist()) == (codes.FLOAT, IDS.tolist())
    with pytest.raises(FileError, match="with fractions"):
        read_codes(save(tmp_path, Image.fromarray(IDS + np.float32(0.5)), "m.tif"))


def test_16_bits(tmp_path):
    values = np.array([[0, 40_000]], np.uint16)
    assert read_codes(save(tmp_path, Image.fromarray(values))).values.tolist() == [[0, 40_000]]


def test_raises_on_damaged_files(tmp_path):
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FileError, match="cannot be decoded"):
        read_codes(tmp_path / "m.png")


def test_statistics_are_encoded_and_decoded(tmp_path):
    image = Image.fromarray(IDS)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    stats = decode_stats(encode_stats(read_codes(save(tmp_path, image)), "m.png"))
    assert stats.size == (2, 2) and stats.counts == {0: 1, 1: 1, 2: 2}
    assert stats.counts_of(by_color=True) == {0: 1, 0xFF0000: 1, 0x0000FF: 2}


def test_raises_on_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(codes, "MAX_CODES", 2)
    with pytest.raises(FileError, match="got 3 different colors, as in a photo"):
        encode_stats(read_codes(save(tmp_path, Image.fromarray(IDS))), "m.png")


def test_pack():
    assert pack((1, 2, 3)) == 0x010203
    assert unpack(0x010203) == (1, 2, 3)
