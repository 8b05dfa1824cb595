# SPDX-License-Identifier: Apache-2.0
"""Axes, pixel size and units of a stack are those of the stack that is made of it."""

import numpy as np
import pytest
import tifffile

from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import Planes

GRAY = {"photometric": "minisblack"}
IMAGEJ = {"spacing": 0.05, "unit": "um", "finterval": 1.5}
OME = {
    "PhysicalSizeX": 0.02,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.03,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 50.0,
    "PhysicalSizeZUnit": "nm",
    "TimeIncrement": 2.0,
    "TimeIncrementUnit": "s",
}


def copied(path, out, **planes):
    """Write the slices of a stack again, as masks are written, and open the result."""
    with TiffStack(path, planes=Planes(**planes)) as stack, tifffile.TiffWriter(out) as writer:
        table = np.zeros((3, 256), np.uint16)
        for i, page in enumerate(stack):
            options = stack.scale.page_options(page.shape, page.dtype, first=not i)
            writer.write(page, photometric="palette", colormap=table, **options)
    return tifffile.TiffFile(out)


@pytest.mark.parametrize(
    ("axes", "planes", "left"),
    [
        ("ZCYX", {"channel": 2}, "ZYX"),
        ("TZCYX", {"channel": 1, "frame": 2}, "ZYX"),
        ("TZCYX", {"channel": 1, "frame": "all"}, "TZYX"),
        ("TYX", {}, "TYX"),
        ("CYX", {"channel": 1}, "YX"),
    ],
)
@pytest.mark.parametrize("way", ["imagej", "ome"])
def test_what_is_kept(tmp_path, way, axes, planes, left):
    sizes = {"T": 3, "Z": 4, "C": 2, "Y": 8, "X": 12}
    path, given = tmp_path / f"a.{way}.tif", IMAGEJ if way == "imagej" else OME
    values = np.zeros([sizes[axis] for axis in axes], np.uint8)
    resolution = {} if way == "ome" else {"resolution": (50.0, 20.0)}
    tifffile.imwrite(
        path, values, metadata={"axes": axes, **given}, **GRAY, **{way: True}, **resolution
    )
    with copied(path, tmp_path / "b.tif", **planes) as file:
        (series,) = file.series
        assert (series.kind, series.axes) == (way, left)
        assert series.shape == tuple(sizes[axis] for axis in left)
        if way == "imagej":
            found = file.imagej_metadata
            assert {key: found[key] for key in IMAGEJ} == IMAGEJ
            assert file.pages.first.get_resolution() == (50.0, 20.0)
            assert file.pages.first.resolutionunit == 1
        else:
            found = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
            assert {key: found[key] for key in OME} == OME
    with TiffStack(
        tmp_path / "b.tif", planes=Planes(frame="all" if left == "TZYX" else None)
    ) as one:
        assert (one.scale.axes, len(one)) == (left[:-2], int(np.prod(series.shape[:-2])))


def test_the_series_that_was_chosen_has_its_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        for size in (0.1, 0.7):
            metadata = {"axes": "ZYX", "PhysicalSizeX": size, "PhysicalSizeXUnit": "µm"}
            writer.write(np.zeros((2, 8, 12), np.uint8), metadata=metadata, **GRAY)
    with TiffStack(tmp_path / "a.ome.tif", planes=Planes(series=2)) as stack:
        assert dict(stack.scale.items)["PhysicalSizeX"] == 0.7


def test_the_unit_as_imagej_escapes_it(tmp_path):
    text = "ImageJ=1.53t\nimages=2\nslices=2\nunit=\\u00B5m\nspacing=0.4\nloop=false\n"
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for i in range(2):
            description = text if not i else None
            writer.write(
                np.zeros((8, 12), np.uint8), description=description, metadata=None, **GRAY
            )
    with copied(tmp_path / "a.tif", tmp_path / "b.tif") as file:
        assert "\nunit=\\u00B5m" in file.pages.first.description
        assert file.imagej_metadata["spacing"] == 0.4


def test_resolution_of_pages_without_metadata(tmp_path):
    values, path = np.zeros((3, 8, 12), np.uint8), tmp_path / "a.tif"
    tifffile.imwrite(path, values, metadata=None, resolution=(300, 200), resolutionunit=3, **GRAY)
    with copied(path, tmp_path / "b.tif") as file:
        first = file.pages.first
        assert (first.get_resolution(), first.resolutionunit) == ((300.0, 200.0), 3)
        assert not first.description and len(file.pages) == 3
    tifffile.imwrite(path, values, metadata=None, **GRAY)
    with TiffStack(path) as stack:
        assert stack.scale.page_options((8, 12), np.uint8, True) == {"metadata": None}
