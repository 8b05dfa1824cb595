# SPDX-License-Identifier: Apache-2.0
"""Metadata decide which planes are slices; several channels, frames or series are a choice."""

import itertools

import numpy as np
import pytest
import tifffile

from rankseg.errors import FileError
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import Planes, parse_choice

RNG = np.random.default_rng(0)
GRAY = {"photometric": "minisblack"}


def random(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(values, axes=None, name="stack.tif", **options):
        metadata = {"axes": axes} if axes else None
        path = tmp_path / name
        tifffile.imwrite(path, values, metadata=metadata, **{**GRAY, **options})
        return path

    return write


def read(path, **planes):
    with TiffStack(path, "image", Planes(**planes)) as stack:
        assert len(stack) == len(list(stack))
        return np.stack(list(stack))


def wanted(values, axes, channel=None, frame=None):
    """Slices by numpy indexing alone: frame after frame, in each slice after slice."""
    for axis, pick in (("C", channel), ("T", frame)):
        if pick is not None:
            values = np.take(values, pick - 1, axes.index(axis))
            axes = axes.replace(axis, "")
    order = [axes.index(axis) for axis in "TZCYXS" if axis in axes]
    values = values.transpose(order)
    inner = 3 if "S" in axes else 2
    return values.reshape(-1, *values.shape[-inner:])


OME = ["".join(p) for n in (1, 2, 3) for p in itertools.permutations("TZC", n)]
IMAGEJ = [axes for axes in OME if axes == "".join(sorted(axes, key="TZC".index))]
WAYS = {
    "ImageJ": (IMAGEJ, {"imagej": True}),
    "ImageJ, one header": (IMAGEJ, {"imagej": True, "truncate": True}),
    "ImageJ, deflate": (IMAGEJ, {"imagej": True, "compression": "zlib"}),
    "OME": (OME, {"ome": True}),
    "OME, BigTIFF": (OME, {"ome": True, "bigtiff": True}),
    "tifffile": (OME, {}),
    "tifffile, big endian": (OME, {"byteorder": ">"}),
}


@pytest.mark.parametrize("samples", [False, True], ids=["gray", "RGB"])
@pytest.mark.parametrize("way", WAYS)
def test_slices_are_what_numpy_indexing_says(write, way, samples):
    orders, options = WAYS[way]
    for lead in orders:
        sizes = dict(zip("TZC", RNG.permutation([2, 3, 4]).tolist(), strict=True))
        shape = [sizes[axis] for axis in lead] + [8, 12]
        axes = f"{lead}YX"
        if samples:
            shape, axes = [*shape, 3], f"{axes}S"
        values = random(*shape)
        kind = {"photometric": "rgb"} if samples else {}
        path = write(values, axes, "s.ome.tif" if "ome" in options else "s.tif", **options, **kind)
        channel = int(RNG.integers(1, sizes["C"] + 1)) if "C" in lead else None
        frame = int(RNG.integers(1, sizes["T"] + 1)) if {"T", "Z"} <= set(lead) else None
        got = read(path, channel=channel, frame=frame)
        assert np.array_equal(got, wanted(values, axes, channel, frame)), (lead, channel, frame)
        got = read(path, channel="all" if "C" in lead else None, frame="all")
        assert np.array_equal(got, wanted(values, axes)), lead


@pytest.mark.parametrize("order", ["czt", "ctz", "zct", "ztc", "tcz", "tzc"])
def test_the_order_that_imagej_names(tmp_path, order):
    axes = order[::-1].upper()
    sizes = {"t": 2, "z": 3, "c": 4}
    values = random(*(sizes[axis.lower()] for axis in axes), 8, 12)
    text = (
        f"ImageJ=1.53t\nimages=24\nchannels=4\nslices=3\nframes=2\nhyperstack=true\norder={order}\n"
    )
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as writer:
        for i, page in enumerate(values.reshape(-1, 8, 12)):
            writer.write(page, description=text if not i else None, metadata=None, **GRAY)
    got = read(path, channel=3, frame=2)
    assert np.array_equal(got, wanted(values, f"{axes}YX", 3, 2))


def test_pages_without_metadata_are_slices(write, tmp_path):
    values = random(5, 8, 12)
    assert np.array_equal(read(write(values)), values)
    assert np.array_equal(read(write(values), channel=1), values)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for page in values:
            writer.write(page, **GRAY)
    assert np.array_equal(read(tmp_path / "pages.tif"), values)
    one = values[:1]
    assert np.array_equal(read(write(one[0], "YX", imagej=True)), one)


def test_raises_on_an_unnamed_grid_of_pages(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", random(4, 3, 8, 12), **GRAY)
    with pytest.raises(
        FileError, match=r"s.tif to have pages along one axis, .* 4x3 pages .*Hyper"
    ):
        TiffStack(tmp_path / "s.tif")


REFUSED = [
    (
        "ZCYX",
        (4, 2),
        {},
        r"4 slices x 2 channels of 12x8 pixels \(axes ZCYX\).*--channel N \(1 to 2\)",
    ),
    ("ZCYX", (4, 2), {"channel": 3}, "--channel to be from 1 to 2 .* but got 3"),
    ("ZCYX", (4, 2), {"channel": 0}, "--channel to be from 1 to 2 .* but got 0"),
    ("CYX", (4,), {}, "4 channels of .*every channel as a slice with --channel all"),
    ("ZYX", (4,), {"channel": 2}, "2 channels for --channel 2, but got one channel"),
    ("TZYX", (5, 4), {}, r"5 frames x 4 slices of .*--frame N \(1 to 5\), .*--frame all"),
    ("TZYX", (5, 4), {"frame": 6}, "--frame to be from 1 to 5 .* but got 6"),
    ("TYX", (5,), {"frame": 2}, "slices and frames for --frame 2, but got 5 frames of"),
    ("TZYX", (5, 4), {"frame": 1, "channel": 2}, "for --channel 2, but got one channel"),
    ("ZCYX", (4, 2), {"masks": True}, "--mask-channel N"),
    ("ZYX", (4,), {"series": 2}, "--series to be from 1 to 1 .* but got 2"),
]


@pytest.mark.parametrize(("axes", "shape", "planes", "message"), REFUSED)
@pytest.mark.parametrize("way", ["imagej", "ome"])
def test_raises_on_open_or_impossible_choices(write, way, axes, shape, planes, message):
    path = write(random(*shape, 8, 12), axes, f"s.{way}.tif", **{way: True})
    with pytest.raises(FileError, match=message) as caught:
        TiffStack(path, "image", Planes(**planes))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_channels_of_masks_and_the_usual_channel(write):
    values = random(6, 2, 8, 12)
    path = write(values, "ZCYX", imagej=True)
    assert np.array_equal(read(path, usual_channel=2), values[:, 1])
    assert np.array_equal(read(path, usual_channel=2, channel=1), values[:, 0])
    lone = write(values[:, 0], "CYX", imagej=True)  # what tifffile writes if no axes are named
    assert np.array_equal(read(lone, masks=True, frame=3, series=2), values[:, 0])
    gray = write(values[:, 0], "ZYX", imagej=True)
    assert np.array_equal(read(gray, usual_channel=2), values[:, 0])


def test_colors_are_not_channels(write):
    path = write(random(4, 8, 12, 3), "ZYXS", imagej=True, photometric="rgb")
    with pytest.raises(FileError, match=r"for --channel 2, but got color \(RGB\)"):
        TiffStack(path, planes=Planes(channel=2))


def test_series_of_an_ome_file(tmp_path):
    path, positions = tmp_path / "s.ome.tif", [random(4, 8, 12), random(3, 8, 14)]
    with tifffile.TiffWriter(path) as writer:
        for values in positions:
            writer.write(values, metadata={"axes": "ZYX"}, **GRAY)
    with pytest.raises(FileError, match=r"got 2: 1: 4 slices of 12x8 .*; 2: 3 slices .*--series N"):
        TiffStack(path)
    for number, values in enumerate(positions, start=1):
        assert np.array_equal(read(path, series=number), values)
    with TiffStack(path, planes=Planes(series=2)) as stack:
        assert stack.chosen == ("series 2 of 2",)


def test_a_pyramid_is_one_series(tmp_path):
    values = random(4, 64, 64)
    with tifffile.TiffWriter(tmp_path / "s.ome.tif") as writer:
        writer.write(values, metadata={"axes": "ZYX"}, subifds=1, **GRAY)
        writer.write(values[:, ::2, ::2], subfiletype=1, **GRAY)
    assert np.array_equal(read(tmp_path / "s.ome.tif"), values)


def test_raises_on_planes_of_other_files(write):
    path = write(random(4, 8, 12), "ZYX", "s.ome.tif", ome=True)
    text = path.read_bytes().replace(b'SizeZ="4"', b'SizeZ="9"').replace(b'Count="4"', b'Count="9"')
    path.write_bytes(text)
    with pytest.raises(FileError, match=r"all planes in image .*other files or missing planes"):
        TiffStack(path, "image")


@pytest.mark.parametrize("truncate", [False, True])
def test_raises_on_missing_pages(write, truncate):
    path = write(random(5, 8, 12), "ZYX", imagej=True, truncate=truncate)
    content = path.read_bytes()
    if truncate:
        path.write_bytes(content[: -8 * 12])
    else:
        path.write_bytes(content.replace(b"images=5\nslices=5", b"images=9\nslices=9"))
    with pytest.raises(FileError, match=r"ImageJ metadata|5 pages for 9 planes|truncated"):
        TiffStack(path)


def test_raises_on_damaged_ome_metadata(write):
    path = write(random(4, 8, 12), "ZYX", "s.ome.tif", ome=True)
    path.write_bytes(path.read_bytes().replace(b"<Pixels", b"<Pixel "))
    with pytest.raises(FileError, match="to match its OME metadata"):
        TiffStack(path)


def test_parse_choice():
    assert (parse_choice("12"), parse_choice("all")) == (12, "all")
    with pytest.raises(ValueError, match="invalid literal"):
        parse_choice("red")
