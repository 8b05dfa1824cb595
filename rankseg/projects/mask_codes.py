# SPDX-License-Identifier: Apache-2.0
"""Reader for masks of any kind as raw codes: numbers or colors without a meaning yet."""

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
from rankseg.imageio.masks import read_values, white_of

GREY, PALETTE, GREY_AS_COLOUR, FLOAT, COLOUR = range(5)
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
        colours: ``0xRRGGBB`` by palette index; only for palette masks.
        white: Value of white; only for gray masks.
    """

    kind: int
    values: np.ndarray
    colours: tuple[int, ...] = ()
    white: int = 255

    def as_colours(self) -> np.ndarray:
        """Return ``(H, W)`` ``0xRRGGBB`` for any kind."""
        return self.colours_of(self.values)

    def colours_of(self, codes: np.ndarray) -> np.ndarray:
        """Return colors ``0xRRGGBB`` for codes of this mask; values above white exceed 0xFFFFFF."""
        if self.kind == COLOUR:
            return codes
        if self.kind == PALETTE:
            return np.array([*self.colours, *[0] * 256], np.int32)[codes]
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
                return Codes(GREY, values, white=white_of(image, values))
            if image.mode == "P" and "transparency" not in image.info:
                colours = np.array(image.getpalette() or [], np.int32).reshape(-1, 3)
                return Codes(PALETTE, read_values(path).astype(np.int32), tuple(_pack(colours)))
            return _colours(np.asarray(image.convert("RGBA")), path)
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


def _colours(pixels: np.ndarray, path: str | Path) -> Codes:
    """Return codes of RGBA pixels; a gray image becomes numbers."""
    half = (pixels[..., 3] != OPAQUE) & (pixels[..., 3] != 0)
    if half.any():
        row, column = np.argwhere(half)[0]
        raise FileError(
            f"mask {path} is half transparent, first at column {column}, row {row}: expected flat "
            "colours; save the labels without the image below them"
        )
    colours = pixels[..., :3] * (pixels[..., 3:] != 0)
    if (colours == colours[..., :1]).all():
        return Codes(GREY_AS_COLOUR, colours[..., 0].astype(np.int32))
    return Codes(COLOUR, _pack(colours.astype(np.int32)))


def _pack(colours: np.ndarray) -> np.ndarray:
    return colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]


def unpack(code: int) -> tuple[int, int, int]:
    """Split ``0xRRGGBB`` into red, green and blue."""
    return code >> 16, code >> 8 & 255, code & 255


def pack(colour: tuple[int, int, int]) -> int:
    """Combine red, green and blue to ``0xRRGGBB``."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


@dataclass(frozen=True)
class MaskLook:
    """Content of a mask.

    Attributes:
        size: ``(height, width)``.
        kind: See :class:`Codes`.
        counts: Pixels by code.
        colours: ``0xRRGGBB`` by code.
        solid: Pixels by code whose eight neighbors have the same code.
    """

    size: tuple[int, int]
    kind: int
    counts: dict[int, int]
    colours: dict[int, int]
    solid: dict[int, int]

    def colour_counts(self) -> dict[int, int]:
        """Pixels by ``0xRRGGBB``, for any kind."""
        return self.by_colour(self.counts)

    def by_colour(self, counts: dict[int, int]) -> dict[int, int]:
        """Convert pixels by code to pixels by ``0xRRGGBB``."""
        found: dict[int, int] = {}
        for code, count in counts.items():
            found[self.colours[code]] = found.get(self.colours[code], 0) + count
        return found


def fold(mask: Codes, path: str) -> Found:
    """Encode the content of a mask as integers, for
    :class:`~rankseg.datasets.file_checks.FileValidator`.

    Raises:
        FileError: If the mask has as many codes as a photo.
    """
    found, counts = np.unique(mask.values, return_counts=True)
    if len(found) > MOST:
        raise FileError(
            f"mask {path} holds {len(found)} different colours, as a photo does: expected one "
            "colour for a class; see that --masks names the folder of masks, or, if objects are "
            "outlined or filled in a color on pictures, name it with --color red"
        )
    colours = mask.colours_of(found)
    inside = np.searchsorted(found, mask.values[_solid(mask.values)])
    solid = np.bincount(inside, minlength=len(found))
    table = np.stack([found, counts, colours, solid], 1)
    return [*mask.values.shape, mask.kind, *table.ravel().tolist()]


def _solid(values: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` bool: pixels whose neighbors all have the same value."""
    pixels, kernel = values.astype(np.float32), np.ones((3, 3), np.uint8)
    return cv2.erode(pixels, kernel) == cv2.dilate(pixels, kernel)


def unfold(numbers: Found) -> MaskLook:
    """Decode the result of :func:`fold`."""
    height, width, kind, *rest = numbers
    codes = rest[::4]
    counts, colours, solid = (dict(zip(codes, rest[i::4], strict=True)) for i in (1, 2, 3))
    return MaskLook((height, width), kind, counts, colours, solid)
