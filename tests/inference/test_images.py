# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.errors import FileError
from rankseg.imageio.listing import list_images
from rankseg.imageio.reading import ImageInfo, read_image, to_rgb
from rankseg.imageio.tiff_axes import Planes
from rankseg.inference.images import ImageFile, PageReader, inspect_images


def write(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


def test_inspects_sizes_stacks_and_unreadable_files(tmp_path):
    files = [write(tmp_path / "a.png"), tmp_path / "b.tif", tmp_path / "c.png", tmp_path / "d.jpg"]
    tifffile.imwrite(files[1], np.zeros((5, 7, 9), np.uint8), photometric="minisblack")
    files[2].write_bytes(files[0].read_bytes()[:60])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(files[3], exif=exif)
    found, bad = inspect_images([(file, file.stem) for file in files])
    plain = [one._replace(info=ImageInfo(0, 0)) for one in found]
    assert plain == [
        ImageFile(files[0], "a", 6, 8),
        ImageFile(files[1], "b", 7, 9, pages=5),
        ImageFile(files[3], "d", 6, 8, oriented=True),
    ]
    assert [(one.info.bands, one.info.deep) for one in found] == [(1, 0), (1, 0), (3, 0)]
    strange = Path(os.fsdecode(b"/in/Pr\xe4p.png"))
    _, names = inspect_images([(strange, strange.stem)])
    assert names[strange].endswith("but got image '/in/Pr\\udce4p.png'. Rename it.")
    assert list(bad) == [files[2]] and "cannot be decoded" in bad[files[2]]


def test_reads_pages_of_a_stack(tmp_path):
    pages = np.random.default_rng(0).integers(0, 256, (3, 5, 6), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    (stack,), _ = inspect_images([(tmp_path / "a.tif", "a")])
    reader = PageReader()
    for number, page in enumerate(pages):
        assert np.array_equal(reader(stack, number), np.stack([page] * 3, -1))
    reader.close()


def test_scales_all_pages_of_a_deep_stack_alike(tmp_path):
    pages = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50) + 1000
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    (stack,), _ = inspect_images([(tmp_path / "a.tif", "a")])
    own, given = PageReader(), PageReader((1000, 2000))
    own.find_range([stack])
    given.find_range([stack])
    assert (own.measured, given.measured, given.value_range) == (1, 0, (1000, 2000))
    means = [own(stack, number).mean() for number in range(3)]
    assert means == pytest.approx([42.5, 127.5, 212.5], abs=2)
    assert own(stack, 0).min() == 0 and own(stack, 2).max() == 255
    assert given(stack, 1).min() == 255
    assert given(stack, 0)[0, 10, 0] == round(10 * 255 / 1000)


def test_8_bit_values_ignore_the_range(tmp_path):
    pages = np.random.default_rng(0).integers(0, 256, (2, 5, 6), np.uint8)
    for name, values in (("stack", pages), ("single", pages[0])):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="minisblack")
        (picture,), _ = inspect_images([(tmp_path / f"{name}.tif", name)])
        assert np.array_equal(PageReader((1000, 4000))(picture)[..., 0], pages[0])


def test_raises_on_every_page_of_a_stack_without_a_range(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((2, 5, 6), 7, np.uint16), photometric="minisblack")
    (stack,), _ = inspect_images([(tmp_path / "a.tif", "a")])
    reader = PageReader()
    reader.find_range([stack])
    for page in range(2):
        with pytest.raises(FileError, match=r"a\.tif to .* got uint16 numbers and no range"):
            reader(stack, page)


def test_measures_one_range_for_stacks_and_files(tmp_path):
    rng = np.random.default_rng(0)
    pages = rng.integers(100, 4000, (4, 30, 40), np.uint16)
    pages[3] //= 8
    tifffile.imwrite(tmp_path / "a.tif", pages[:2], photometric="minisblack")
    cv2.imwrite(str(tmp_path / "b.png"), pages[2])
    tifffile.imwrite(tmp_path / "c.tif", pages[3])
    Image.new("L", (40, 30), 255).save(tmp_path / "d.png")
    (tmp_path / "e.tif").write_bytes((tmp_path / "c.tif").read_bytes())
    found, bad = inspect_images(list_images(tmp_path))
    (tmp_path / "e.tif").write_bytes(b"II*\0gone")
    reader = PageReader()
    reader.find_range(found)
    low, high = reader.value_range
    wanted = np.percentile(pages, (0.1, 99.9), method="inverted_cdf")
    assert [low, high] == wanted.tolist() and reader.measured == 3 and not bad
    assert np.array_equal(reader(found[1])[..., 0], reader_of(pages[2], low, high))
    assert np.array_equal(reader(found[0], 1)[..., 0], reader_of(pages[1], low, high))
    assert reader(found[3]).min() == 255  # 8 bits stay as they are


def reader_of(page, low: int, high: int) -> np.ndarray:
    """The page in 8 bits, another way."""
    return np.clip(np.floor((page.astype(float) - low) / (high - low) * 255 + 0.5), 0, 255)


@pytest.mark.parametrize("kind", ["gray", "rgb", "alpha", "deep", "deep color"])
def test_arrays_equal_their_files(tmp_path, kind):
    rng = np.random.default_rng(0)
    shape = {"gray": (9, 7), "rgb": (9, 7, 3), "alpha": (9, 7, 4), "deep": (9, 7)}
    values = rng.integers(0, 65536, shape.get(kind, (9, 7, 3)), np.uint16)
    values = values if "deep" in kind else (values >> 8).astype(np.uint8)
    swapped = values if values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]]
    cv2.imwrite(str(tmp_path / "a.png"), swapped)
    for value_range in ((0, 65535), (100, 9000)):
        wanted = read_image(tmp_path / "a.png", value_range)
        assert np.array_equal(to_rgb(values, value_range=value_range), wanted)
        (found,), _ = inspect_images([(tmp_path / "a.png", "a")])
        assert np.array_equal(PageReader(value_range)(found), wanted)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 4), np.float32), "uint8 or uint16 numbers, but got float32"),
        (np.zeros((4, 4, 0), np.uint8), r"the shape .* but got \(4, 4, 0\)"),
        (np.zeros(4, np.uint8), r"the shape .* but got \(4,\)"),
        (np.zeros((0, 4), np.uint8), "to have pixels"),
    ],
)
def test_raises_on_arrays_that_are_no_image(values, message):
    with pytest.raises(FileError, match=message):
        to_rgb(values)


@pytest.mark.parametrize("truncate", [False, True])
def test_reads_the_chosen_channel_of_a_stack(tmp_path, truncate):
    values, path = np.arange(4 * 2 * 6 * 8, dtype=np.uint16).reshape(4, 2, 6, 8), tmp_path / "a.tif"
    options = {"imagej": True, "photometric": "minisblack", "metadata": {"axes": "ZCYX"}}
    tifffile.imwrite(path, values, truncate=truncate, **options)
    found, bad = inspect_images([(path, "a")])
    assert not found and "--channel N (1 to 2)" in bad[path]
    (stack,), bad = inspect_images([(path, "a")], Planes(channel=2))
    assert (stack.pages, stack.scale.axes, stack.chosen) == (4, "Z", ("channel 2 of 2",))
    reader = PageReader((0, 255), Planes(channel=2))
    assert np.array_equal(reader(stack, 3)[..., 0], values[3, 1].clip(0, 255))


def test_channels_of_one_slice_are_bands_of_one_image(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (4, 6, 8), np.uint8)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, values, imagej=True, metadata={"axes": "CYX"})
    chosen = (4, 1, 2)
    (one,), bad = inspect_images([(file, "a")], channels=chosen)
    assert not bad and one.pages is None and (one.height, one.width) == (6, 8)
    assert one.info.bands == 4
    got = PageReader(channels=chosen)(one)
    assert np.array_equal(got, values[[3, 0, 1]].transpose(1, 2, 0))
    (one,), bad = inspect_images([(file, "a")], Planes(channel=2), chosen)
    assert one.chosen == ("channel 2 of 4",)
    none, bad = inspect_images([(file, "a")])
    assert not none and "4 channels" in bad[file]
