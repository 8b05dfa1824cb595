# SPDX-License-Identifier: Apache-2.0
"""Axes, pixel size and units of a TIFF stack, and the options that write them to another one."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from tifffile import OmeXml, TiffFile, TiffPage, imagej_description, xml2dict

from rankseg.imageio.tiff_axes import Slices

IMAGEJ, OME = "imagej", "ome"

_IMAGEJ_KEYS = (
    *("spacing", "unit", "yunit", "zunit", "finterval", "fps", "tunit", "loop"),
    *("xorigin", "yorigin", "zorigin"),
)
_OME_KEYS = (
    *(f"PhysicalSize{axis}{end}" for axis in "XYZ" for end in ("", "Unit")),
    *("TimeIncrement", "TimeIncrementUnit"),
)
_MICRONS = 1e6  # per meter
_NO_UNIT, _INCH = 1, 2  # values of the resolution unit tag


class Scale(NamedTuple):
    """Axes and physical size of the slices of a stack.

    Attributes:
        kind: Kind of metadata, ``"imagej"`` or ``"ome"``; empty if there are none.
        axes: Codes of the axes that the slices run along, such as ``"Z"``; empty if not named.
        lengths: Number of slices along each of ``axes``.
        items: Names and values of the metadata, such as ``("spacing", 0.05)``.
        resolution: Pixels per unit as fractions, along X and Y; ``None`` if not named.
        resolution_unit: 1 for the unit of ImageJ, 2 for inches, 3 for centimeters.
    """

    kind: str = ""
    axes: str = ""
    lengths: tuple[int, ...] = ()
    items: tuple[tuple[str, Any], ...] = ()
    resolution: tuple[tuple[int, int], tuple[int, int]] | None = None
    resolution_unit: int = _NO_UNIT

    def page_options(self, size: Sequence[int], dtype: np.dtype, first: bool) -> dict[str, Any]:
        """Return the options of :meth:`tifffile.TiffWriter.write` for a page with this scale.

        Args:
            size: ``(H, W)`` of the page.
            dtype: Type of the values, with one sample per pixel.
            first: Whether it is the first page, which holds the description of all pages.
        """
        options: dict[str, Any] = {"metadata": None}
        if self.resolution:
            options |= {"resolution": self.resolution, "resolutionunit": self.resolution_unit}
        if first and self.kind:
            options["description"] = self._description((*self.lengths, *size), dtype)
        return options

    def _description(self, shape: tuple[int, ...], dtype: np.dtype) -> bytes:
        axes = f"{self.axes}YX"
        if self.kind == OME:
            xml = OmeXml()
            stored = (prod(self.lengths), 1, 1, *shape[-2:], 1)
            xml.addimage(dtype, shape, stored, axes=axes, **dict(self.items))
            return xml.tostring(declaration=True).encode()
        text = imagej_description(shape, axes, **dict(self.items))
        return "".join(c if ord(c) < 128 else f"\\u{ord(c):04X}" for c in text).encode("ascii")


def read_scale(file: TiffFile, slices: Slices, first: TiffPage) -> Scale:
    """Read the scale of the slices of a file.

    Args:
        file: The open file.
        slices: Slices from :func:`~rankseg.imageio.tiff_axes.find_slices`.
        first: First page of the slices.
    """
    resolution, unit = _resolution(first)
    kind, items = "", {}
    if slices.places is None:
        return Scale(resolution=resolution, resolution_unit=unit)
    if file.is_imagej:
        found = file.imagej_metadata or {}
        kind, items = IMAGEJ, {key: found[key] for key in _IMAGEJ_KEYS if key in found}
    elif file.is_ome:
        kind, items = OME, _ome_items(file, slices.series)
    elif file.is_lsm:
        found = file.lsm_metadata or {}
        x, y, z = (float(found.get(f"VoxelSize{axis}", 0)) * _MICRONS for axis in "XYZ")
        if x > 0 and y > 0:
            resolution, unit = (_fraction(1 / x), _fraction(1 / y)), _NO_UNIT
            kind, items = IMAGEJ, {"unit": "um", **({"spacing": z} if z > 0 else {})}
    if slices.axes and not kind:
        kind = IMAGEJ
    return Scale(kind, slices.axes, slices.lengths, tuple(items.items()), resolution, unit)


def _resolution(page: TiffPage) -> tuple[tuple[tuple[int, int], tuple[int, int]] | None, int]:
    """Return pixels per unit, and the unit; ``None`` if the tags are missing or meaningless."""
    tags = page.tags
    unit = tags.valueof("ResolutionUnit", default=_INCH)
    x, y = (tags.valueof(f"{axis}Resolution") for axis in "XY")
    unit = _NO_UNIT if unit not in (_NO_UNIT, _INCH, 3) else int(unit)
    if not all(isinstance(one, tuple) and len(one) == 2 and min(one) > 0 for one in (x, y)):
        return None, unit
    if unit == _NO_UNIT and x == y and x[0] == x[1]:  # a default of many writers
        return None, unit
    return (x, y), unit


def _fraction(value: float) -> tuple[int, int]:
    denominator = 10 ** max(0, min(9, int(9 - np.log10(max(value, 1)))))
    return max(1, round(value * denominator)), denominator


def _ome_items(file: TiffFile, series: int) -> dict[str, Any]:
    """Return the physical sizes of the image of a series; empty if the XML lacks them."""
    images = xml2dict(file.ome_metadata or "").get("OME", {}).get("Image", [])
    images = images if isinstance(images, list) else [images]
    pixels = images[series].get("Pixels", {}) if series < len(images) else {}
    return {key: pixels[key] for key in _OME_KEYS if key in pixels}
