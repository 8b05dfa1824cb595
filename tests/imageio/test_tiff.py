# SPDX-License-Identifier: Apache-2.0
"""Stacks: every common variant is read, and all damage is detected."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.errors import FileError
from rankseg.imageio.tiff import TiffStack

RNG = np.random.default_rng(0)
PAGES = RNG.integers(0, 1 << 16, (5, 12, 20), dtype=np.uint16)
COLORS = RNG.integers(0, 256, (3, 12, 20, 4), dtype=np.uint8)

WAYS = {
    "plain": {},
    "deflate": {"compression": "zlib", "predictor": 2},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "big endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 16)},
    "strips": {"rowsperstrip": 5},
    "one header for all": {"truncate": True},
    "one header, big endian": {"truncate": True, "byteorder": ">"},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stack.tif"


@pytest.mark.parametrize("way", WAYS)
def test_pages_equal_what_was_written(path, way):
    tifffile.imwrite(path, PAGES, photometric="minisblack", **WAYS[way])
    with TiffStack(path) as stack:
        assert (len(stack), stack.shape, stack.dtype) == (5, (12, 20), np.uint16)
        assert np.array_equal(stack[3], PAGES[3]) and np.array_equal(stack[-1], PAGES[4])
        assert stack[2].dtype.isnative and stack[2].flags.writeable
        assert np.array_equal(np.stack(list(stack)), PAGES)
        with pytest.raises(IndexError, match="from 0 to 4 .* but got 5"):
            stack[5]


@pytest.mark.parametrize("way", ["plain", "deflate", "tiles", "one header for all"])
def test_truncated_files_never_give_wrong_pages(path, way):
    tifffile.imwrite(path, PAGES, photometric="minisblack", **WAYS[way])
    content = path.read_bytes()
    refused = 0
    for size in range(0, len(content), len(content) // 40):
        path.write_bytes(content[:size])
        try:
            with TiffStack(path) as stack:
                assert np.array_equal(np.stack(list(stack)), PAGES)
        except FileError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 30


@pytest.mark.parametrize("planes", [False, True])
def test_colors_without_transparency(path, planes):
    if planes:
        given = np.moveaxis(COLORS[..., :3], -1, 1)
        tifffile.imwrite(path, given, photometric="rgb", planarconfig="separate")
    else:
        tifffile.imwrite(path, COLORS, photometric="rgb", extrasamples=["unassalpha"])
    with TiffStack(path) as stack:
        assert (len(stack), stack.shape, stack.dtype) == (3, (12, 20, 3), np.uint8)
        assert np.array_equal(stack[1], COLORS[1, ..., :3])


def test_one_bit_and_white_as_zero(path):
    bits = PAGES > 30000
    tifffile.imwrite(path, bits, photometric="minisblack")
    with TiffStack(path) as stack:
        assert stack.dtype == np.uint8 and np.array_equal(stack[0], bits[0])
    gray = (PAGES >> 8).astype(np.uint8)
    tifffile.imwrite(path, 255 - gray, photometric="miniswhite")
    with TiffStack(path) as stack:
        assert np.array_equal(stack[1], gray[1])


def test_thumbnails_are_no_pages(path):
    with tifffile.TiffWriter(path) as writer:
        writer.write(PAGES[0], photometric="minisblack")
        writer.write(PAGES[0, ::2, ::2], photometric="minisblack", subfiletype=1)
        writer.write(PAGES[1], photometric="minisblack")
    with TiffStack(path) as stack:
        assert len(stack) == 2 and np.array_equal(stack[1], PAGES[1])


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
def test_pillow_decodes_what_tifffile_cannot(path, compression):
    pages = [Image.fromarray((page >> 8).astype(np.uint8)) for page in PAGES]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression=compression)
    with TiffStack(path) as stack:
        assert np.array_equal(stack[4], np.asarray(pages[4]))


def test_raises_without_imagecodecs(path, monkeypatch):
    tifffile.imwrite(path, PAGES, photometric="minisblack", compression="zlib")

    def refuse(*args, **kwargs):
        raise ValueError("<COMPRESSION.ZSTD: 50000> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    for other in ("_with_pillow", "_with_opencv"):
        monkeypatch.setattr(f"rankseg.imageio.tiff_pixels.{other}", lambda path, header: None)
    with TiffStack(path) as stack, pytest.raises(FileError, match="pip install imagecodecs"):
        stack[0]


def test_raises_on_pages_of_two_sizes(path):
    with tifffile.TiffWriter(path) as writer:
        for page in (PAGES[0], PAGES[1], PAGES[2, :8]):
            writer.write(page, photometric="minisblack")
    with pytest.raises(FileError, match="page 3 is 8x20 of uint16, and page 1 is 12x20 of uint16"):
        TiffStack(path)


def test_raises_on_other_types_and_shapes(path):
    tifffile.imwrite(path, PAGES.astype(np.float32), photometric="minisblack")
    with pytest.raises(FileError, match=r"8 or 16 bits, but got float32 numbers"):
        TiffStack(path)
    tifffile.imwrite(path, PAGES, photometric="minisblack", volumetric=True)
    with pytest.raises(FileError, match="one plane on each page"):
        TiffStack(path)


def test_raises_on_files_that_are_no_stack(path):
    with pytest.raises(FileNotFoundError, match=r"truth .*stack.tif, but it does not exist"):
        TiffStack(path, "truth")
    path.write_bytes(b"")
    with pytest.raises(FileError, match="is empty"):
        TiffStack(path)
    path.write_text("not a picture")
    with pytest.raises(
        FileError, match=r"a valid TIFF file, but it cannot be decoded \(not a TIFF file"
    ):
        TiffStack(path)
