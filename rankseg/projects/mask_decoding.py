# SPDX-License-Identifier: Apache-2.0
"""Reader for masks of any kind as raw codes: numbers or colors without a meaning yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import UnidentifiedImageError

from rankseg.datasets.file_checks import Found
from rankseg.errors import FileError
from rankseg.imageio.image_files import (
    CANNOT_READ,
    open_file,
    open_image,
    undecodable,
    unknown_kind,
)
from rankseg.imageio.marks import count_colors, read_marks
from rankseg.imageio.masks import read_values, white_of
from rankseg.imageio.reading import read_image

GRAY, PALETTE, GRAY_AS_COLOR, FLOAT, COLOR = range(5)
"""Kinds of masks; training can read the first two directly."""

KINDS = ("gray", "palette", "gray saved as RGB", "floating-point", "color")
MOST = 100_000  # largest number of different codes in a mask; a photo has more
OPAQUE = 255


@dataclass(frozen=True)
class Codes:
    """Mask as raw codes.

    Attributes:
        kind: Index into :data:`KINDS`.
        values: ``(H, W)`` int32: gray values, palette indices, or ``0xRRGGBB``.
        colors: ``0xRRGGBB`` by palette index; only for palette masks.
        white: Value of white; only for gray masks.
    """

    kind: int
    values: np.ndarray
    colors: tuple[int, ...] = ()
    white: int = 255

    def as_colors(self) -> np.ndarray:
        """Return ``(H, W)`` ``0xRRGGBB`` for any kind."""
        return self.colors_of(self.values)

    def colors_of(self, codes: np.ndarray) -> np.ndarray:
        """Return colors ``0xRRGGBB`` for codes of this mask; values above white exceed 0xFFFFFF."""
        if self.kind == COLOR:
            return codes
        if self.kind == PALETTE:
            return np.array([*self.colors, *[0] * 256], np.int32)[codes]
        return codes.astype(np.int64) * 255 // self.white * 0x010101


def read_codes(path: str | Path) -> Codes:
    """Read a mask with one or more channels.

    Fully transparent pixels count as black.

    Raises:
        FileNotFoundError, PermissionError: If the file cannot be opened.
        FileError: If the file cannot be decoded, or holds fractions or semi-transparent pixels.
    """
    with open_file(path, "mask") as file:
        try:
            image = open_image(file, path, "mask")
        except UnidentifiedImageError:
            file.seek(0)
            raise unknown_kind(file.read(64), path, "mask") from None
        try:
            if image.mode == "F":
                return Codes(FLOAT, _whole(np.asarray(image), path))
            if image.mode in ("1", "L", "I", "I;16", "I;16B", "I;16L"):
                values = read_values(path).astype(np.int32)
                return Codes(GRAY, values, white=white_of(image, values))
            if image.mode == "P" and "transparency" not in image.info:
                colors = np.array(image.getpalette() or [], np.int32).reshape(-1, 3)
                return Codes(PALETTE, read_values(path).astype(np.int32), tuple(_pack(colors)))
            return _colors(np.asarray(image.convert("RGBA")), path)
        except CANNOT_READ as error:
            if isinstance(error, FileError):
                raise
            raise undecodable(path, error, "mask") from error


def _whole(values: np.ndarray, path: str | Path) -> np.ndarray:
    whole = np.rint(values)
    if not np.array_equal(whole, values) or (values.size and abs(values).max() > 2**24):
        raise FileError(
            f"mask {path} holds floating-point numbers with fractions: expected whole class ids; "
            "round or threshold them and save it as a single-channel PNG"
        )
    return whole.astype(np.int32)


def _colors(pixels: np.ndarray, path: str | Path) -> Codes:
    """Return codes of RGBA pixels; a gray image becomes numbers."""
    half = (pixels[..., 3] != OPAQUE) & (pixels[..., 3] != 0)
    if half.any():
        row, column = np.argwhere(half)[0]
        raise FileError(
            f"mask {path} is half transparent, first at column {column}, row {row}: expected flat "
            "colors; save the labels without the image below them"
        )
    colors = pixels[..., :3] * (pixels[..., 3:] != 0)
    if (colors == colors[..., :1]).all():
        return Codes(GRAY_AS_COLOR, colors[..., 0].astype(np.int32))
    return Codes(COLOR, _pack(colors.astype(np.int32)))


def _pack(colors: np.ndarray) -> np.ndarray:
    return colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]


def unpack(code: int) -> tuple[int, int, int]:
    """Split ``0xRRGGBB`` into red, green and blue."""
    return code >> 16, code >> 8 & 255, code & 255


def pack(color: tuple[int, int, int]) -> int:
    """Combine red, green and blue to ``0xRRGGBB``."""
    return color[0] << 16 | color[1] << 8 | color[2]


@dataclass(frozen=True)
class MaskStats:
    """Content of a mask.

    Attributes:
        size: ``(height, width)``.
        kind: See :class:`Codes`.
        counts: Pixels by code.
        colors: ``0xRRGGBB`` by code.
        solid: Pixels by code whose eight neighbors have the same code.
    """

    size: tuple[int, int]
    kind: int
    counts: dict[int, int]
    colors: dict[int, int]
    solid: dict[int, int]

    def color_counts(self) -> dict[int, int]:
        """Pixels by ``0xRRGGBB``, for any kind."""
        return self.by_color(self.counts)

    def by_color(self, counts: dict[int, int]) -> dict[int, int]:
        """Convert pixels by code to pixels by ``0xRRGGBB``."""
        found: dict[int, int] = {}
        for code, count in counts.items():
            found[self.colors[code]] = found.get(self.colors[code], 0) + count
        return found


def encode_stats(mask: Codes, path: str) -> Found:
    """Encode the content of a mask as integers, for
    :class:`~rankseg.datasets.file_checks.FileValidator`.

    Raises:
        FileError: If the mask has as many codes as a photo.
    """
    found, counts = np.unique(mask.values, return_counts=True)
    if len(found) > MOST:
        raise FileError(
            f"mask {path} holds {len(found)} different colors, as a photo does: expected one "
            "color for a class; see that --masks names the folder of masks, or, if objects are "
            "outlined or filled in a color on pictures, name it with --color red"
        )
    colors = mask.colors_of(found)
    inside = np.searchsorted(found, mask.values[_solid(mask.values)])
    solid = np.bincount(inside, minlength=len(found))
    table = np.stack([found, counts, colors, solid], 1)
    return [*mask.values.shape, mask.kind, *table.ravel().tolist()]


def _solid(values: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` bool: pixels whose neighbors all have the same value."""
    pixels, kernel = values.astype(np.float32), np.ones((3, 3), np.uint8)
    return cv2.erode(pixels, kernel) == cv2.dilate(pixels, kernel)


def decode_stats(numbers: Found) -> MaskStats:
    """Decode the result of :func:`encode_stats`."""
    height, width, kind, *rest = numbers
    codes = rest[::4]
    counts, colors, solid = (dict(zip(codes, rest[i::4], strict=True)) for i in (1, 2, 3))
    return MaskStats((height, width), kind, counts, colors, solid)


MOST_SHARED = 0.5  # largest share of pixels that two different objects may share


def read_joined(paths: Sequence[str | Path]) -> Codes:
    """Read several masks of one image and merge their foreground pixels.

    Background is black, or 0. Masks of different kinds are merged by color.

    Raises:
        FileError: If a mask cannot be read, sizes differ, or a pixel has two classes.
    """
    masks = [read_codes(path) for path in paths]
    for path, mask in zip(paths, masks, strict=True):
        if mask.values.shape != masks[0].values.shape:
            a, b = (f"{one.values.shape[1]}x{one.values.shape[0]}" for one in (masks[0], mask))
            raise FileError(
                f"Expected masks of one image to have one size, but {paths[0]} is {a} and {path} "
                f"is {b}. Save both with the size of the image."
            )
    kind, colors = masks[0].kind, masks[0].colors
    alike = all(mask.kind == kind and np.array_equal(mask.colors, colors) for mask in masks)
    layers = [mask.values if alike else mask.as_colors() for mask in masks]
    result = layers[0].copy()
    for path, layer in zip(paths[1:], layers[1:], strict=True):
        clash = (layer != 0) & (result != 0) & (layer != result)
        if clash.any():
            row, column = np.argwhere(clash)[0]
            raise FileError(
                f"Expected masks of one image to agree, but {path} has another class than "
                f"{paths[0]} or one after it in {clash.sum()} pixels, first at column {column}, "
                f"row {row}. Keep one mask for the image, with another value for every class."
            )
        same = ((layer != 0) & (result != 0)).mean()
        if same > MOST_SHARED and not np.array_equal(layer, result):
            raise FileError(
                f"Expected masks of one image to be of different objects on a background of 0, but "
                f"{same:.0%} of the pixels are foreground both in {path} and before it. If the "
                "background is white, invert the masks; else keep one of them."
            )
        np.copyto(result, layer, where=layer != 0)
    return Codes(kind, result, colors) if alike else Codes(COLOR, result)


class MarkedMasks:
    """Reader that converts marks of one color to masks of 0 and 1, and counts outlines.

    Args:
        color: Red, green and blue of the marks.
        several: All files of a mask by its first file, for masks in several files.
    """

    def __init__(
        self, color: tuple[int, int, int], several: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.color, self.several = color, several or {}
        self._found: dict[str, tuple[int, int, int]] = {}

    def __call__(self, mask: str) -> Codes:
        """Read a mask; raises the same errors as :func:`~rankseg.imageio.reading.read_image`."""
        marks = [
            read_marks(read_image(file), self.color) for file in self.several.get(mask, [mask])
        ]
        self._found[mask] = tuple(np.sum([one[1:] for one in marks], 0).tolist())
        return Codes(GRAY, np.any([one.mask for one in marks], 0).astype(np.int32))

    def check(self, masks: Sequence[str], looks: Sequence[MaskStats]) -> None:
        """Check that masks contain marks.

        Raises:
            ValueError: If there are none; the message lists the colors that were found.
        """
        if not any(look.counts.get(1) for look in looks):
            colors = count_colors(read_image(mask) for mask in masks)
            raise ValueError(
                f"Expected the masks to have marks of the color #{bytes(self.color).hex()}, but "
                f"got {colors or 'no color'}. Give the color of the marks with --color."
            )

    def notes(self) -> list[str]:
        """Return sentences that describe how outlines were handled."""
        closed, at_edge, unclosed = np.sum([(0, 0, 0), *self._found.values()], 0).tolist()
        text = f"marks of the color #{bytes(self.color).hex()} are foreground: {closed} outlines "
        text += f"filled, {at_edge} more that end at the edge of an image, on the smaller side"
        notes = [text]
        if unclosed:
            names = sorted(Path(mask).name for mask, marks in self._found.items() if marks[2])
            more = ", ..." if len(names) > 3 else ""
            notes.append(
                f"{unclosed} outlines do not close, and only their lines are foreground "
                f"({', '.join(names[:3])}{more}): close them"
            )
        return notes
