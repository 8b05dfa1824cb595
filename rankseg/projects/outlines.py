# SPDX-License-Identifier: Apache-2.0
"""Outlines and content of an annotation file, independent of the tool that wrote it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from rankseg.utils.found_names import form
from rankseg.utils.safe_text import unsafe_character

MAX_COORDINATE = 100_000  # pixels; larger coordinates are errors of the annotation tool
MAX_IMAGE_SIZES = 10  # the same limit in image sizes, if the size is known
MIN_AREA = 1e-3  # in pixels
MAX_CHARACTERS = 7  # of one number in compressed run lengths: 35 bits
MAX_SIDE = 2**31  # of an image in pixels


class InvalidOutline(ValueError):
    """Outline that cannot be used; the text is the reason, for counting."""


class Outline(NamedTuple):
    """Polygons or run lengths.

    Attributes:
        polygons: ``(2 * n,)`` float64 each: alternating x and y.
        runs: ``(m,)`` int64: alternating numbers of pixels outside and inside, column by column.
        size: ``(height, width)`` of the image covered by the run lengths.
    """

    polygons: tuple[np.ndarray, ...] = ()
    runs: np.ndarray | None = None
    size: tuple[int, int] | None = None

    def area(self, height: int, width: int) -> float:
        """Return the number of pixels inside."""
        if self.runs is not None:
            return float(self.runs[1::2].sum())
        from pycocotools import mask

        return float(mask.area(self._encode(height, width)))

    def fill(self, height: int, width: int) -> np.ndarray:
        """Return ``(height, width)`` bool: pixels inside.

        Raises:
            InvalidOutline: If run lengths belong to an image of another size.
        """
        if self.runs is not None:
            if self.size != (height, width):
                raise InvalidOutline("run lengths for an image of another size")
            inside = np.arange(len(self.runs)) % 2 == 1
            return np.repeat(inside, self.runs).reshape(width, height).T
        from pycocotools import mask

        return mask.decode(self._encode(height, width)).astype(bool)

    def _encode(self, height: int, width: int) -> Any:
        from pycocotools import mask

        parts = mask.frPyObjects([one.tolist() for one in self.polygons], height, width)
        return mask.merge(parts)


def check_polygons(parts: Sequence, size: tuple[int, int] | None) -> Outline:
    """Validate polygons given as lists of alternating x and y.

    Args:
        parts: Polygons.
        size: ``(height, width)`` of the image, if known.

    Raises:
        InvalidOutline: If a polygon has too few points, has no area or is outside the image, or
            if a value is not a number or is far outside.
    """
    return Outline(tuple(_polygon(part, size) for part in parts))


def _polygon(part: Any, size: tuple[int, int] | None) -> np.ndarray:
    numbers = _numbers(part)
    if not np.isfinite(numbers).all():
        raise InvalidOutline("non-finite coordinates")
    if len(numbers) % 2:
        raise InvalidOutline("odd number of coordinates")
    if len(numbers) < 6:
        raise InvalidOutline("fewer than three points")
    limit = min(MAX_COORDINATE, MAX_IMAGE_SIZES * max(size)) if size else MAX_COORDINATE
    if abs(numbers).max() > limit:
        raise InvalidOutline("outline far outside the image")
    x, y = numbers[::2], numbers[1::2]
    if size and (x.max() <= 0 or y.max() <= 0 or x.min() >= size[1] or y.min() >= size[0]):
        raise InvalidOutline("outline outside the image")
    if np.ptp(x) < 1 and np.ptp(y) < 1:
        raise InvalidOutline("outline smaller than a pixel")
    if abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2 < MIN_AREA and not _crosses(x, y):
        raise InvalidOutline("outline without an area")
    return numbers


def _crosses(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether points are not collinear, as in a figure eight whose areas cancel out."""
    points = np.stack([x - x[0], y - y[0]])
    return bool(np.linalg.matrix_rank(points, tol=MIN_AREA) == 2)


def _numbers(values: Any) -> np.ndarray:
    """Convert values to ``(n,)`` float64."""
    try:
        array = np.array(values if isinstance(values, list | tuple) else None)
    except (ValueError, TypeError, OverflowError, RecursionError):
        array = np.array(None)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        if array.ndim == 1 and not len(array):
            raise InvalidOutline("fewer than three points")
        raise InvalidOutline("non-numeric coordinates")
    return array.astype(np.float64)


def check_segmentation(value: Any, size: tuple[int, int] | None) -> Outline:
    """Validate the ``segmentation`` of a COCO annotation: polygons or run lengths.

    Args:
        value: Value from the file.
        size: ``(height, width)`` of the image, if given in the file.

    Raises:
        InvalidOutline: If it cannot be drawn.
    """
    if isinstance(value, Mapping):
        return _runs(value, size)
    if value is None or (isinstance(value, list) and not any(part != [] for part in value)):
        raise InvalidOutline("no outline")
    if not isinstance(value, list):
        raise InvalidOutline("neither a list of polygons nor run lengths")
    flat = not any(isinstance(part, list) for part in value)
    return check_polygons([value] if flat else [part for part in value if part != []], size)


def _runs(value: Mapping, size: tuple[int, int] | None) -> Outline:
    shape = value.get("size")
    counts = value.get("counts")
    valid = (
        isinstance(shape, list) and len(shape) == 2 and all(type(n) is int and n > 0 for n in shape)
    )
    if not valid or not isinstance(counts, list | str):
        raise InvalidOutline("run lengths without size or counts")
    if isinstance(counts, str):
        counts = _unpack(counts)
    if not all(type(n) is int and n >= 0 for n in counts) or sum(counts) != shape[0] * shape[1]:
        raise InvalidOutline("run lengths that do not fill the image")
    if size and tuple(shape) != size:
        raise InvalidOutline("run lengths for an image of another size")
    if not sum(counts[1::2]):
        raise InvalidOutline("outline without an area")
    if sum(counts) > np.iinfo(np.int64).max:
        raise InvalidOutline("run lengths for an image of another size")
    return Outline(runs=np.array(counts, np.int64), size=(shape[0], shape[1]))


def _unpack(text: str) -> list[int]:
    """Decode compressed run lengths: 5 bits per character, differences from the third number on."""
    counts: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift >= 5 * MAX_CHARACTERS:
            raise InvalidOutline("unreadable run lengths")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    if shift:
        raise InvalidOutline("unreadable run lengths")
    return counts


class Shape(NamedTuple):
    """Outline with the name of its class."""

    name: str
    outline: Outline


@dataclass
class ListedImage:
    """Image listed in a file of outlines.

    Attributes:
        where: Name for messages, such as ``image id 3 in result.json``.
        file_name: File name as given in the file.
        size: ``(height, width)`` as given in the file; not validated.
        shapes: Shapes that can be drawn.
    """

    where: str
    file_name: str
    size: tuple[Any, Any] = (None, None)
    shapes: list[Shape] = field(default_factory=list)

    @property
    def known_size(self) -> tuple[int, int] | None:
        """Height and width if the file gives both as valid image sizes, otherwise None."""
        height, width = self.size
        good = all(type(n) in (int, float) and 0 < n < MAX_SIDE and n % 1 == 0 for n in self.size)
        return (int(height), int(width)) if good else None


@dataclass
class Annotations:
    """Content of a file, or of a folder of files.

    Attributes:
        images: Images in the order of the file.
        names: Ordered class names, including unused ones.
        skipped: Number of skipped annotations by reason.
        notes: Sentences for the user.
    """

    images: list[ListedImage] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    skipped: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def get_value(entry: Any, key: str) -> Any:
    """Return a value of a JSON object, or None if it is not an object or lacks the key."""
    return entry.get(key) if isinstance(entry, Mapping) else None


def clean_class_name(value: Any) -> str | None:
    """Return a class name in one Unicode form without surrounding blanks; None if invalid."""
    if type(value) in (int, float):
        value = str(value)
    if not isinstance(value, str):
        return None
    name = form(value.strip())
    return name if name and unsafe_character(name) is None else None
