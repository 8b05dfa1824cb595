# SPDX-License-Identifier: Apache-2.0
"""Images of every usual kind come out as RGB uint8; bad ones are named."""

import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets.transforms.loading import LoadSample, read_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_colour_order_is_rgb(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


def test_grey_is_repeated(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.png")
    got = read_image(tmp_path / "a.png")
    assert np.array_equal(got, np.repeat(RGB[..., :1], 3, axis=2))


def test_sixteen_bit_keeps_the_high_byte(tmp_path):
    grey = RNG.integers(0, 1 << 16, (5, 7), dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), grey)
        got = read_image(tmp_path / name)
        assert got.dtype == np.uint8 and got.shape == (5, 7, 3)
        assert np.abs(got[..., 0].astype(int) - (grey >> 8)).max() <= 1


def test_alpha_is_dropped(tmp_path):
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


def test_palette_image(tmp_path):
    image = Image.fromarray(RGB).quantize(8)
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_exif_orientation_is_ignored_like_that_of_the_mask(tmp_path):
    image = Image.new("RGB", (7, 5))
    exif = image.getexif()
    exif[0x0112] = 6  # "turn by 90 degrees"
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (5, 7, 3)


def test_names_outside_ascii_and_with_blanks(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "zwölf häuser.png")
    assert np.array_equal(read_image(tmp_path / "zwölf häuser.png"), RGB)


def test_sample_with_and_without_mask(tmp_path):
    mask = RNG.integers(0, 21, (5, 7), dtype=np.uint8)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "m.png")
    paths = {"img_path": str(tmp_path / "a.png"), "seg_map_path": str(tmp_path / "m.png")}
    got = LoadSample()(dict(paths))
    assert np.array_equal(got["img"], RGB) and np.array_equal(got["seg_map"], mask)
    assert got["ori_shape"] == got["img_shape"] == (5, 7)
    for unlabeled in ({**paths, "seg_map_path": None}, {"img_path": paths["img_path"]}):
        assert "seg_map" not in LoadSample()(unlabeled)


def test_mask_of_another_size_is_refused(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(RGB[:4, :, 0]).save(tmp_path / "m.png")
    paths = {"img_path": str(tmp_path / "a.png"), "seg_map_path": str(tmp_path / "m.png")}
    with pytest.raises(ValueError, match=r"m\.png is 7x4 pixels, its image .*a\.png is 7x5"):
        LoadSample()(paths)


def test_missing_and_damaged_images_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png does not exist"):
        read_image(tmp_path / "none.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"bad\.jpg does not decode"):
        read_image(tmp_path / "bad.jpg")
