# SPDX-License-Identifier: Apache-2.0
"""Reader for masks of any kind as raw codes: numbers or colors without a meaning yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rankseg.datasets.file_checks import Found
from rankseg.errors import FileError
from rankseg.imageio.marks import count_colors, missing_marks, read_marks
from rankseg.imageio.masks import open_mask, read_values, white_of
from rankseg.imageio.reading import read_image
from rankseg.projects.messages import list_names

GRAY, PALETTE, GRAY_AS_COLOR, FLOAT, COLOR = range(5)
"""Kinds of masks; training can read the first two directly."""

KINDS = ("gray", "palette", "gray saved as RGB", "floating-point", "color")
MAX_CODES = 100_000  # different codes in a mask; a photo has more
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
    with open_mask(path) as image:
        if image.mode == "F":
            return Codes(FLOAT, _whole(np.asarray(image), path))
        if image.mode in ("1", "L", "I", "I;16", "I;16B", "I;16L"):
            values = read_values(path).astype(np.int32)
            return Codes(GRAY, values, white=white_of(image, values))
        if image.mode == "P" and "transparency" not in image.info:
            colors = np.array(image.getpalette() or [], np.int32).reshape(-1, 3)
            return Codes(PALETTE, read_values(path).astype(np.int32), tuple(_pack(colors)))
        return _colors(np.asarray(image.convert("RGBA")), path)


def _whole(values: np.ndarray, path: str | Path) -> np.ndarray:
    whole = np.rint(values)
    if not np.array_equal(whole, values) or (values.size and abs(values).max() > 2**24):
        raise FileError(
            f"Expected mask {path} to hold whole class ids, but got floating-point numbers with "
            "fractions. Round or threshold them, and save the mask as a single-channel PNG."
        )
    return whole.astype(np.int32)


def _colors(pixels: np.ndarray, path: str | Path) -> Codes:
    """Return codes of RGBA pixels; a gray image becomes numbers."""
    partial = (pixels[..., 3] != OPAQUE) & (pixels[..., 3] != 0)
    if partial.any():
        row, column = np.argwhere(partial)[0]
        raise FileError(
            f"Expected mask {path} to have flat colors, but got semi-transparent pixels, first at "
            f"column {column}, row {row}. Save the labels without the image below them."
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

    def counts_of(self, by_color: bool) -> dict[int, int]:
        """Pixels by code, or by ``0xRRGGBB``, which every kind of mask has."""
        return self._by_color(self.counts) if by_color else self.counts

    def solid_of(self, by_color: bool) -> dict[int, int]:
        """Solid pixels by code, or by ``0xRRGGBB``."""
        return self._by_color(self.solid) if by_color else self.solid

    def _by_color(self, counts: dict[int, int]) -> dict[int, int]:
        found: Counter[int] = Counter()
        for code, count in counts.items():
            found[self.colors[code]] += count
        return dict(found)


def encode_stats(mask: Codes, path: str) -> Found:
    """Encode the content of a mask as integers, for
    :class:`~rankseg.datasets.file_checks.FileValidator`.

    Raises:
        FileError: If the mask has as many codes as a photo.
    """
    found, counts = np.unique(mask.values, return_counts=True)
    if len(found) > MAX_CODES:
        raise FileError(
            f"Expected mask {path} to have one color per class, but got {len(found)} different "
            "colors, as in a photo. Check that --masks names the folder of masks. If objects are "
            "outlined or filled in a color on images, name the color: --color red."
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


MAX_SHARED = 0.5  # largest share of pixels that two different objects may share


def read_merged(paths: Sequence[str | Path]) -> Codes:
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
                f"Expected all masks of an image to have its size, but {paths[0]} is {a} and "
                f"{path} is {b}. Save both in the size of the image."
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
                "Expected masks of one image not to contradict each other, but "
                f"{clash.sum()} pixels of {path} have another class than in {paths[0]} or a mask "
                f"after it, first at "
                f"column {column}, row {row}. Save one mask per image, with one value per class."
            )
        same = ((layer != 0) & (result != 0)).mean()
        if same > MAX_SHARED and not np.array_equal(layer, result):
            raise FileError(
                "Expected masks of one image to show different objects on a background of 0, but "
                f"{same:.0%} of the pixels are foreground both in {path} and in a mask before it. "
                "If the background is white, invert the masks. Otherwise keep one of them."
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
        self._outlines: dict[str, tuple[int, int, int]] = {}

    def __call__(self, mask: str) -> Codes:
        """Read a mask; raises the same errors as :func:`~rankseg.imageio.reading.read_image`."""
        marks = [
            read_marks(read_image(file), self.color) for file in self.several.get(mask, [mask])
        ]
        self._outlines[mask] = tuple(np.sum([one[1:] for one in marks], 0).tolist())
        return Codes(GRAY, np.any([one.mask for one in marks], 0).astype(np.int32))

    def check(self, masks: Sequence[str], stats: Sequence[MaskStats]) -> None:
        """Check that masks contain marks.

        Raises:
            ValueError: If there are none; the message lists the colors that were found.
        """
        if not any(one.counts.get(1) for one in stats):
            raise missing_marks("the masks", self.color, count_colors(map(read_image, masks)))

    def notes(self) -> list[str]:
        """Return sentences that describe how outlines were handled."""
        closed, at_edge, unclosed = np.sum([(0, 0, 0), *self._outlines.values()], 0).tolist()
        notes = [
            f"marks of the color #{bytes(self.color).hex()} are foreground: filled {closed} closed "
            f"outlines, and {at_edge} that end at the edge of an image, on their smaller side"
        ]
        if unclosed:
            names = sorted(Path(mask).name for mask, marks in self._outlines.items() if marks[2])
            notes.append(
                f"{unclosed} outlines are not closed, so only their lines are foreground: close "
                f"them in {list_names(names)}"
            )
        return notes
