# SPDX-License-Identifier: Apache-2.0
"""The reader of all images, against the numbers that were written and against Pillow."""

import io
import struct
import warnings
import zlib
from itertools import product

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.errors import FileError
from rankseg.imageio.masks import read_mask
from rankseg.imageio.reading import decode_image, read_image, read_image_info
from rankseg.projects.mask_decoding import read_codes
from rankseg.testing.tiff_writer import DEFLATE, write_tiff

RNG = np.random.default_rng(0)
SIZE = (19, 37)
SMOOTH = cv2.resize(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8), SIZE[::-1])
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # color types of PNG
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}


def chunk(name: bytes, content: bytes) -> bytes:
    head = struct.pack(">I", len(content)) + name
    return head + content + struct.pack(">I", zlib.crc32(name + content))


def png(values: np.ndarray, bits: int, color: int, *more: bytes) -> bytes:
    """A PNG file of ``(H, W, C)`` numbers as they are."""
    height, width, samples = values.shape
    planes = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


KINDS = [
    (color, bits, keyed)
    for color, bits, keyed in product(SAMPLES, (1, 2, 4, 8, 16), (False, True))
    if not (color in (RGB, GRAY_ALPHA, RGB_ALPHA) and bits < 8)
    and not (color == PALETTE and bits == 16)
    and not (color in (GRAY_ALPHA, RGB_ALPHA) and keyed)
]


@pytest.mark.parametrize(("color", "bits", "keyed"), KINDS)
def test_png_of_every_kind(tmp_path, color, bits, keyed):
    values = RNG.integers(0, 1 << bits, (*SIZE, SAMPLES[color]))
    colors = RNG.integers(0, 256, (1 << min(bits, 8), 3), np.uint8)
    more = [chunk(b"PLTE", colors.tobytes())] if color == PALETTE else []
    if keyed:
        key = values[0, 0].astype(">u2").tobytes()
        more.append(chunk(b"tRNS", b"\0\x80" if color == PALETTE else key))
    path = tmp_path / "a.png"
    path.write_bytes(png(values, bits, color, *more))
    if color == PALETTE:
        wanted = colors[values[..., 0]]
    elif color in (GRAY, GRAY_ALPHA):
        spread = 255 // ((1 << bits) - 1) if bits < 8 else 1
        wanted = np.repeat(values[..., :1] * spread, 3, 2)
    else:
        wanted = values[..., :3]
    info = read_image_info(path, decode=False)
    bands = 3 if color == PALETTE else SAMPLES[color]
    alpha = keyed or color in (GRAY_ALPHA, RGB_ALPHA)
    assert (info.bands, info.alpha, info.bits) == (bands + keyed, alpha, bits)
    assert info == read_image_info(path, decode=True) and info.deep == (bits == 16)
    got = decode_image(path)
    assert np.array_equal(got if got.ndim == 3 else np.repeat(got[..., None], 3, 2), wanted)
    if bits == 16:
        assert np.array_equal(read_image(path, (0, 65535)), wanted >> 8)
        return
    assert np.array_equal(read_image(path), wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the transparency of palettes
        assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), wanted)


SAVED = [
    (mode, kind, options)
    for mode, (kind, options) in product(
        ("1", "L", "P", "RGB", "RGBA", "CMYK"),
        (
            ("JPEG", {}),
            ("JPEG", {"subsampling": 0, "quality": 95}),
            ("JPEG", {"progressive": True}),
            ("BMP", {}),
            ("WEBP", {}),
            ("WEBP", {"lossless": True, "exact": True}),
            ("GIF", {}),
            ("PPM", {}),
        ),
    )
    if not (kind == "JPEG" and mode in ("P", "RGBA"))
    and not (mode == "CMYK" and kind in ("BMP", "GIF", "PPM"))
    and not (mode == "P" and kind == "PPM")
]


@pytest.mark.parametrize(("mode", "kind", "options"), SAVED)
def test_other_formats_equal_pillow(tmp_path, mode, kind, options):
    image = Image.fromarray(SMOOTH).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(SMOOTH[..., 0]))
    file = io.BytesIO()
    image.save(file, kind, **options)
    path = tmp_path / "a.img"  # the ending does not matter
    path.write_bytes(file.getvalue())
    wanted = np.asarray(Image.open(path).convert("RGB")).astype(int)
    got = read_image(path)
    assert got.shape == wanted.shape and not read_image_info(path).deep
    assert np.abs(got - wanted).max() <= (mode == "CMYK")  # rounded another way


@pytest.mark.parametrize("top", [255, 1023, 65535])
@pytest.mark.parametrize("mark", [b"P5", b"P6"])
def test_netpbm_of_any_depth(tmp_path, mark, top):
    shape = SIZE if mark == b"P5" else (*SIZE, 3)
    values = RNG.integers(0, top, shape, np.uint16, endpoint=True)
    stored = values.astype(np.uint8 if top < 256 else ">u2").tobytes()
    path = tmp_path / "a.ppm"
    path.write_bytes(b"%s %d %d %d\n" % (mark, *SIZE[::-1], top) + stored)
    got = decode_image(path)
    assert np.array_equal(got[..., 0] if got.ndim > values.ndim else got, values)
    assert read_image_info(path, decode=False).deep == (top > 255)


@pytest.mark.parametrize("top", [1, 3, 100, 254, 1023, 65534])
@pytest.mark.parametrize("mark", [b"P2", b"P5"])
def test_raises_on_netpbm_with_unclear_scale(tmp_path, mark, top):
    path = tmp_path / "a.pgm"
    values = np.array([0, 1], np.uint8 if top < 256 else ">u2")
    path.write_bytes(b"%s 2 1 %d\n%s" % (mark, top, b"0 1" if mark == b"P2" else values.tobytes()))
    said = rf"{path} .*largest value is 255 or 65535, but its header says {top}\. .*as PNG"
    for read in (read_mask, read_codes, *((decode_image, read_image_info) if top < 255 else ())):
        with pytest.raises(FileError, match=said):
            read(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_tiff_of_any_shape_becomes_the_same_as_from_memory(tmp_path, channels, dtype):
    values = RNG.integers(0, 3000 if dtype == np.uint16 else 256, (*SIZE, channels), dtype)
    kind = {"photometric": "rgb" if channels > 2 else "minisblack"}
    extra = channels - (3 if channels > 2 else 1)
    kind["extrasamples"] = ["unspecified"] * extra
    shown = values[..., :3] if channels > 2 else np.repeat(values[..., :1], 3, 2)
    wanted = shown if dtype == np.uint8 else np.clip(np.floor(shown / 3000 * 255 + 0.5), 0, 255)
    stored = values[..., 0] if channels == 1 else values
    path = tmp_path / "a.png"  # neither does it for TIFF
    for codec, planar, tile in product((None, DEFLATE), (False, True), (None, 16)):
        write_tiff(path, stored, codec=codec, planar=planar and channels > 1, tile=tile, **kind)
        for _ in range(2):  # no memory is left as it was
            assert np.array_equal(read_image(path, (0, 3000)), wanted)
        info = read_image_info(path, decode=False)
        assert info == read_image_info(path) and info[:2] == SIZE
        assert (info.bands, info.alpha, info.deep) == (channels, 0, dtype == np.uint16)


def test_orientation_is_reported_and_ignored(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", SMOOTH, extratags=[(274, 3, 1, 6, True)])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", exif=exif)
    for name in ("a.tif", "a.png"):
        assert read_image_info(tmp_path / name)[:3] == (*SIZE, 6)
        assert np.array_equal(read_image(tmp_path / name), SMOOTH)


def test_thumbnails_are_ignored_and_pages_raise(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(SMOOTH)
        file.write(SMOOTH[::2, ::2], subfiletype=1)
    assert np.array_equal(read_image(tmp_path / "a.tif"), SMOOTH)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([SMOOTH] * 3), photometric="rgb")
    for look in (read_image, read_image_info, lambda path: read_image_info(path, decode=False)):
        with pytest.raises(FileError, match="to hold one image, but got 3"):
            look(tmp_path / "a.tif")


def test_suggests_no_range_for_constant_16_bit_images(tmp_path):
    Image.fromarray(np.full(SIZE, 7, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(FileError, match=r"value_range=\(0, 65535\) for all 16 bits"):
        read_image(tmp_path / "a.png")
    Image.fromarray(RNG.integers(5, 90, SIZE, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(FileError, match=r"value_range=\(5, 89\) for this image, \(0, 65535\)"):
        read_image(tmp_path / "a.png")


def test_channels_of_a_hyperstack_of_one_slice(tmp_path):
    path, values = tmp_path / "a.tif", RNG.integers(0, 256, (4, *SIZE), dtype=np.uint8)
    options = {"imagej": True, "photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(path, values, **options)
    with pytest.raises(FileError, match=r"4 channels of 37x19 .*channels=\(N,\), N from 1 to 4"):
        decode_image(path)
    assert np.array_equal(decode_image(path, (3,)), values[2])
    assert np.array_equal(decode_image(path, (4, 2, 1)), values[[3, 1, 0]].transpose(1, 2, 0))
    assert (read_image_info(path).bands, read_image_info(path).height) == (4, 19)
    with pytest.raises(FileError, match="to have band 5"):
        decode_image(path, (5,))
    tifffile.imwrite(path, values, **{**options, "metadata": {"axes": "ZYX"}})
    with pytest.raises(FileError, match="one image, but got 4"):
        decode_image(path, (1,))
