# SPDX-License-Identifier: Apache-2.0
"""Every kind of TIFF page gives the numbers that were written, or one sentence."""

from itertools import product

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.errors import FileError
from rankseg.imageio.tiff import TiffStack
from rankseg.testing.tiff_writer import DEFLATE, LZW, PACKBITS, write_tiff

RNG = np.random.default_rng(0)
SIZE = (19, 37)
CODECS = {None: "none", DEFLATE: "deflate", LZW: "lzw", PACKBITS: "packbits"}


def draw(dtype, channels: int) -> np.ndarray:
    """Random numbers over the whole range of a type."""
    shape = SIZE if channels == 1 else (*SIZE, channels)
    if dtype is np.bool_:
        return RNG.random(shape) > 0.5
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, dtype, endpoint=True)


def ways(channels: int, dtype) -> list[dict]:
    """Ways to write one page of random numbers."""
    grid = product(CODECS, (False, True), (None, 16), "<>", (False, True))
    return [
        dict(codec=codec, planar=planar, tile=tile, byteorder=order, predictor=predictor)
        for codec, planar, tile, order, predictor in grid
        if not (planar and channels == 1)
        and not (predictor and (codec in (None, PACKBITS) or dtype is np.bool_))
        and not (order == ">" and dtype in (np.uint8, np.int8, np.bool_) and tile)
    ]


def unpacked_without_imagecodecs(channels: int, dtype, way: dict) -> bool:
    """LZW is left to Pillow and OpenCV, which are exact for these alone."""
    if way["codec"] != LZW:
        return True
    if dtype is np.uint8:
        return channels in (1, 3, 4)
    if dtype is np.uint16:
        return channels == 1 or channels in (3, 4) and not way["planar"]
    return dtype is np.bool_


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.uint16, np.int16])
def test_pages_equal_the_written_numbers(tmp_path, dtype, channels):
    if dtype is np.bool_ and channels > 1:
        pytest.skip("bits are written as one channel")
    path, values = tmp_path / "a.tif", draw(dtype, channels)
    kind = {"photometric": "minisblack" if channels < 3 else "rgb"}
    kind["extrasamples"] = ["unspecified"] * {2: 1, 4: 1, 5: 2}.get(channels, 0)
    for way in ways(channels, dtype):
        write_tiff(path, values, rows=None if way["tile"] else 7, **kind, **way)
        with TiffStack(path) as stack:
            assert stack.bands == channels and stack.shape[:2] == SIZE
            try:
                got = stack[0]
            except FileError as error:
                assert "pip install imagecodecs" in str(error)
                assert not unpacked_without_imagecodecs(channels, dtype, way), way
            else:
                assert np.array_equal(got, values), way


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_dropped_unless_selected(tmp_path, dtype, channels, alpha):
    path, values = tmp_path / "a.tif", draw(dtype, channels)
    kind = {"photometric": "rgb" if channels == 4 else "minisblack", "extrasamples": [alpha]}
    for codec, planar in product(CODECS, (False, True)):
        write_tiff(path, values, codec=codec, planar=planar, **kind)
        with TiffStack(path) as stack:
            assert (stack.bands, stack.alpha) == (channels, channels - 1)
            wanted = values[..., 0] if channels == 2 else values[..., :3]
            try:
                got, last = stack[0], stack.image(0, (channels,))
            except FileError as error:
                assert codec == LZW and "imagecodecs" in str(error)
            else:
                assert np.array_equal(got, wanted) and np.array_equal(stack.image(0), wanted)
                assert np.array_equal(last, values[..., -1])


def test_selected_bands(tmp_path):
    values = draw(np.uint16, 5)
    write_tiff(tmp_path / "a.tif", values, photometric="minisblack", planar=True)
    with TiffStack(tmp_path / "a.tif") as stack:
        assert np.array_equal(stack.image(0), values[..., :3])
        assert np.array_equal(stack.image(0, (5, 2, 1)), values[..., [4, 1, 0]])
        assert np.array_equal(stack.image(0, (4,)), values[..., 3])
        with pytest.raises(FileError, match=r"have band 6 for channels=\(6,\), but got 5"):
            stack.image(0, (6,))


def plain(values: np.ndarray, bits: int, photometric: int, colormap=()) -> bytes:
    """A TIFF file of one uncompressed strip with packed numbers, which tifffile does not write."""
    height, width = values.shape
    planes = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    content = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1),
        (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height),
        (279, 4, 1, len(content)),
    ]  # fmt: skip
    content += b"\0" * (len(content) % 2)
    colors = np.asarray(colormap, "<u2").tobytes()
    if colors:
        tags.append((320, 3, len(colors) // 2, 8 + len(content)))
    start = 8 + len(content) + len(colors)
    entries = b"".join(
        np.array([tag, kind], "<u2").tobytes() + np.array([count, value], "<u4").tobytes()
        for tag, kind, count, value in tags
    )
    head = b"II*\0" + np.array([start], "<u4").tobytes()
    count = np.array([len(tags)], "<u2").tobytes()
    return head + content + colors + count + entries + bytes(4)


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_gray_of_any_depth(tmp_path, bits, white_is_zero):
    path, top = tmp_path / "a.tif", (1 << bits) - 1
    values = RNG.integers(0, top, SIZE, np.uint16, endpoint=True)
    stored = top - values if white_is_zero else values
    if bits == 16:
        tifffile.imwrite(path, stored, photometric="miniswhite" if white_is_zero else "minisblack")
    else:
        path.write_bytes(plain(stored, bits, photometric=0 if white_is_zero else 1))
    with TiffStack(path) as stack:
        assert stack.bits == bits and stack.deep == (bits > 8)
        if bits == 12 and white_is_zero:  # neither Pillow nor OpenCV reads it
            with pytest.raises(FileError, match=r"NONE of 12 bits\. Run pip install imagecodecs"):
                stack[0]
            return
        assert np.array_equal(stack[0], values)
        shown = values if bits > 8 else np.round(values / top * 255)
        assert np.array_equal(stack.image(0), shown)


@pytest.mark.parametrize("scale", [1, 257])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_in_their_colors(tmp_path, bits, scale):
    path, values = tmp_path / "a.tif", RNG.integers(0, 1 << bits, SIZE, np.uint8)
    colors = RNG.integers(0, 256, (3, 1 << bits), np.uint16)
    colors[0, 0] = 255
    path.write_bytes(plain(values, bits, photometric=3, colormap=colors * scale))
    with TiffStack(path) as stack:
        assert np.array_equal(stack[0], values) and not stack.deep and stack.bands == 3
        assert np.array_equal(stack.image(0), np.moveaxis(colors, 0, -1)[values])
    if scale > 1:
        assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), stack_image(path))


def stack_image(path) -> np.ndarray:
    with TiffStack(path) as stack:
        return stack.image(0)


SMOOTH = cv2.resize(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8), SIZE[::-1])


@pytest.mark.parametrize("codec", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_equals_pillow_on_its_files(tmp_path, mode, codec):
    if codec == "jpeg" and mode in ("1", "P", "I;16", "LA", "RGBA"):
        pytest.skip("not written as JPEG")
    image = Image.fromarray(SMOOTH)
    if mode == "I;16":
        image = Image.fromarray(SMOOTH[..., 0].astype(np.uint16) * 40)
    else:
        image = image.quantize(9) if mode == "P" else image.convert(mode)
    image.save(tmp_path / "a.tif", compression=codec)
    saved = Image.open(tmp_path / "a.tif")
    bare = {"LA": "L", "I;16": "I;16", "1": "L", "L": "L"}.get(mode, "RGB")
    wanted = np.asarray(saved.convert(bare) if mode != "I;16" else saved).astype(int)
    got = stack_image(tmp_path / "a.tif")
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= (mode in ("CMYK", "YCbCr"))  # other rounding


def test_fax_pages(tmp_path):
    bits = Image.fromarray(RNG.random(SIZE) > 0.5)
    for codec in ("group3", "group4"):
        bits.save(tmp_path / "a.tif", compression=codec)
        assert np.array_equal(stack_image(tmp_path / "a.tif"), np.asarray(bits) * 255)


def test_deep_cmyk(tmp_path):
    ink = draw(np.uint16, 4)
    tifffile.imwrite(tmp_path / "a.tif", ink, photometric="separated", planarconfig="contig")
    part = ink / 65535
    wanted = (1 - part[..., :3]) * (1 - part[..., 3:]) * 65535
    assert np.abs(stack_image(tmp_path / "a.tif") - wanted).max() <= 0.51


@pytest.mark.parametrize(
    ("values", "options", "match"),
    [
        (
            np.zeros(SIZE, np.float32),
            {},
            "integers of 8 or 16 bits, but got float32",
        ),
        (np.zeros(SIZE, np.int32), {}, "got int32 numbers"),
        (np.zeros(SIZE, np.float16), {}, "got float16 numbers"),
        (
            np.zeros((*SIZE, 3), np.uint8),
            {"photometric": "cielab"},
            "gray, RGB, .* but got colors of type CIELAB",
        ),
    ],
)
def test_raises_on_other_pages(tmp_path, values, options, match):
    tifffile.imwrite(tmp_path / "a.tif", values, **{"photometric": "minisblack", **options})
    with pytest.raises(FileError, match=match):
        TiffStack(tmp_path / "a.tif")


def test_raises_on_huge_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(SIZE, np.uint8), compression="zlib")
    with pytest.raises(FileError, match=r"at most 600 pixels.*RANKSEG_MAX_PIXELS"):
        TiffStack(tmp_path / "a.tif")


def test_masks_and_thumbnails_are_no_pages(tmp_path):
    values = draw(np.uint8, 1)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(values, photometric="minisblack")
        file.write(values > 9, photometric="minisblack", subfiletype=4)
        file.write(values[::2, ::2], photometric="minisblack", subfiletype=1)
    with TiffStack(tmp_path / "a.tif") as stack:
        assert len(stack) == 1 and np.array_equal(stack[0], values)
