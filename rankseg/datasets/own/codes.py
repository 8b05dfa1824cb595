# SPDX-License-Identifier: Apache-2.0
"""Read masks of any kind as codes: numbers or colours, before it is known what they mean."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from rankseg.datasets.file_error import FileError
from rankseg.datasets.image_files import (
    CANNOT_READ,
    open_file,
    open_image,
    undecodable,
    unknown_kind,
)
from rankseg.datasets.looking import Found
from rankseg.datasets.masks import read_values

GREY, PALETTE, GREY_AS_COLOUR, FLOAT, COLOUR = range(5)
"""Kinds of masks; the first two are read by training as they are."""

KINDS = ("grey", "palette", "grey saved as RGB", "floating-point", "colour")
MOST = 100_000  # different codes in one mask; more of them are a photo
OPAQUE = 255


@dataclass(frozen=True)
class Codes:
    """A mask before it is known what its codes mean.

    Attributes:
        kind: One of :data:`KINDS`, by its position.
        values: ``(H, W)`` int32: grey values, palette indices, or ``0xRRGGBB``.
        colours: ``0xRRGGBB`` by palette index; of a palette alone.
    """

    kind: int
    values: np.ndarray
    colours: tuple[int, ...] = ()

    def as_colours(self) -> np.ndarray:
        """``(H, W)`` int32 ``0xRRGGBB``, whatever the kind."""
        if self.kind == COLOUR:
            return self.values
        if self.kind == PALETTE:
            return np.array([*self.colours, *[0] * 256], np.int32)[self.values]
        return self.values * 0x010101


def read_codes(path: str | Path) -> Codes:
    """Read a mask of one or more channels.

    Pixels that are fully transparent count as black.

    Raises:
        FileNotFoundError, PermissionError: If the file cannot be opened.
        FileError: If it does not decode, holds fractions, or pixels that are half transparent.
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
                return Codes(GREY, read_values(path).astype(np.int32))
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
    """Codes of RGBA pixels; grey ones are numbers."""
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
    """Red, green and blue of ``0xRRGGBB``."""
    return code >> 16, code >> 8 & 255, code & 255


def pack(colour: tuple[int, int, int]) -> int:
    """``0xRRGGBB`` of red, green and blue."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


@dataclass(frozen=True)
class MaskLook:
    """What one look at a mask found.

    Attributes:
        size: ``(height, width)``.
        kind: See :class:`Codes`.
        counts: Pixels by code.
        colours: ``0xRRGGBB`` by code, of a palette alone.
    """

    size: tuple[int, int]
    kind: int
    counts: dict[int, int]
    colours: dict[int, int]

    def colour_counts(self) -> dict[int, int]:
        """Pixels by ``0xRRGGBB``, whatever the kind."""
        if self.kind == COLOUR:
            return self.counts
        found: dict[int, int] = {}
        for code, count in self.counts.items():
            colour = self.colours[code] if self.kind == PALETTE else code * 0x010101
            found[colour] = found.get(colour, 0) + count
        return found


def fold(mask: Codes, path: str) -> Found:
    """What a mask holds as whole numbers, for :class:`~rankseg.datasets.looking.Look`.

    Raises:
        FileError: If it holds as many codes as a photo.
    """
    found, counts = np.unique(mask.values, return_counts=True)
    if len(found) > MOST:
        raise FileError(
            f"mask {path} holds {len(found)} different colours, as a photo does: expected one "
            "colour for a class; see that --masks names the folder of masks"
        )
    numbers = [*mask.values.shape, mask.kind]
    for code, count in zip(found.tolist(), counts.tolist(), strict=True):
        colour = mask.colours[code] if mask.kind == PALETTE and code < len(mask.colours) else 0
        numbers += [code, count, colour]
    return numbers


def unfold(numbers: Found) -> MaskLook:
    """What :func:`fold` wrote."""
    height, width, kind, *rest = numbers
    codes, counts, colours = rest[::3], rest[1::3], rest[2::3]
    return MaskLook(
        (height, width),
        kind,
        dict(zip(codes, counts, strict=True)),
        dict(zip(codes, colours, strict=True)) if kind == PALETTE else {},
    )
