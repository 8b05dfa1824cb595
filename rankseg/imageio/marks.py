# SPDX-License-Identifier: Apache-2.0
"""Conversion of colored marks on a gray image, such as red outlines, to a mask."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ImageColor

from rankseg.errors import FileError

COLORFUL = 48
"""Minimum difference between the largest and smallest of R, G and B of a colored pixel."""

_HUE = 20 * 256 / 360  # maximum hue difference within one color
_AT_EDGE = 0.25  # outlines that end at the edge are filled below this share of the image
_LINE = 3.0  # half the width in pixels of a thick line
_LONG = 12  # minimum length of an open outline, in multiples of half its width
_SPECK = 16  # a hole with fewer pixels is a gap in a line, not an object
_NAMES = (
    *("red", "orange", "yellow", "chartreuse", "green", "springgreen"),
    *("cyan", "dodgerblue", "blue", "blueviolet", "magenta", "deeppink"),
)  # by hue, in steps of 30 degrees
_MOST_CODES = 2**17  # maximum number of colors that are counted individually
_SHOWN = 4  # maximum number of colors that a message lists


class Marks(NamedTuple):
    """Mask derived from marks.

    Attributes:
        mask: ``(H, W)`` bool.
        closed: Number of filled outlines.
        at_edge: Number of filled outlines that end at the edge of the image.
        open: Number of outline-like lines that do not close; only their own pixels are foreground.
    """

    mask: np.ndarray
    closed: int
    at_edge: int
    open: int


def parse_color(text: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of a color name or a code such as ``#ff0000``.

    Raises:
        ValueError: If the color is unknown, or is a shade of gray.

    >>> parse_color("red"), parse_color("#00f")
    ((255, 0, 0), (0, 0, 255))
    """
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise ValueError(
            f"Expected --color to be a color such as red or '#ff0000', but got {text!r}. See the "
            "names of CSS colors."
        ) from None
    if max(red, green, blue) - min(red, green, blue) < COLORFUL:
        raise ValueError(
            f"Expected --color to be a color other than a shade of gray, but got {text!r}. "
            "Draw the marks in red, or save the mask alone as a gray file."
        )
    return red, green, blue


def read_marks(pixels: np.ndarray, color: tuple[int, int, int]) -> Marks:
    """Read the marks of one color and fill their outlines.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB.
        color: Red, green and blue. Pixels of a similar hue and at least half the color strength
            match, so soft edges, transparency and JPEG artifacts do no harm.
    """
    hue, wanted = (one.item() for one in _hues(np.array([[color]], np.uint8)))
    hues, strength = _hues(pixels)
    distance = np.abs(hues - hue)
    near = np.minimum(distance, 256 - distance) <= _HUE
    return fill_outlines(near & (2 * strength >= wanted))


def fill_outlines(drawn: np.ndarray) -> Marks:
    """Fill the closed outlines of a drawing.

    Args:
        drawn: ``(H, W)`` bool.
    """
    if not drawn.any():
        return Marks(drawn.copy(), 0, 0, 0)
    count, regions, stats, _ = cv2.connectedComponentsWithStats(
        (~drawn).astype(np.uint8), connectivity=4
    )
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the drawing
    edge = np.zeros(count, bool)
    for side in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        edge[side] = True
    filled = ~edge
    cut_off = edge & (areas < _AT_EDGE * drawn.size)
    cut_off[np.argmax(areas * edge)] = False  # the area around the marks
    filled |= cut_off
    filled[0] = True
    mask = filled[regions]
    large = areas >= _SPECK
    closed, at_edge = (int((kind & large)[1:].sum()) for kind in (~edge, cut_off))
    large[0] = False
    return Marks(mask, closed, at_edge, _count_open(mask, (filled & large)[regions]))


def _count_open(mask: np.ndarray, inside: np.ndarray) -> int:
    """Count the long, thin marks that enclose nothing."""
    _, marks, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    closes = np.zeros(len(stats), bool)
    closes[marks[inside]] = True
    thickness = np.zeros(len(stats))
    np.maximum.at(thickness, marks[mask], depth[mask])
    length = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1)
    line = ~closes & (thickness <= _LINE) & (length > _LONG * thickness)
    return int(line[1:].sum())


def _hues(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return hue, 0 to 255 for a full turn, and color strength of RGB pixels, both int16."""
    hues = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2HSV_FULL)[..., 0]
    strength = pixels.max(-1).astype(np.int16) - pixels.min(-1)
    return hues.astype(np.int16), strength


class ColorCount:
    """Counter of the colors of images, used to name them in a message."""

    def __init__(self) -> None:
        self.pixels = 0
        self._totals = np.zeros(len(_NAMES), np.int64)
        self._codes: list[Counter[int]] = [Counter() for _ in _NAMES]

    def add(self, pixels: np.ndarray) -> None:
        """Count the colored pixels; ``(H, W, 3)`` uint8 RGB."""
        colors = pixels[pixels.max(-1).astype(np.int16) - pixels.min(-1) >= COLORFUL]
        colors = colors.astype(np.int64)
        found, counts = np.unique(
            colors[:, 0] << 16 | colors[:, 1] << 8 | colors[:, 2], return_counts=True
        )
        self.add_codes(dict(zip(found.tolist(), counts.tolist(), strict=True)), pixels[..., 0].size)

    def add_codes(self, counts: Mapping[int, int], pixels: int) -> None:
        """Add colors counted by ``0xRRGGBB``, out of ``pixels`` pixels in total."""
        self.pixels += pixels
        if not counts:
            return
        codes = np.array(list(counts), np.int64)
        colors = np.stack([codes >> 16 & 255, codes >> 8 & 255, codes & 255], 1).astype(np.uint8)
        hues, strength = (one[0] for one in _hues(colors[None]))
        bins = np.rint(hues * len(_NAMES) / 256).astype(int) % len(_NAMES)
        for code, number, strong in zip(counts, bins, strength, strict=True):
            if strong >= COLORFUL:
                self._codes[number][code] += counts[code]
                self._totals[number] += counts[code]
        for number, found in enumerate(self._codes):
            if len(found) > _MOST_CODES:  # probably a photo
                self._codes[number] = Counter(dict(found.most_common(_MOST_CODES // 100)))

    def __bool__(self) -> bool:
        return bool(self._totals.any())

    def share(self) -> float:
        """Return the share of the colored pixels, 0 to 1."""
        return float(self._totals.sum()) / max(1, self.pixels)

    def first(self) -> str:
        """Return the most frequent color as a command-line argument, such as ``'#ff0000'``."""
        return f"'#{self._codes[self._order()[0]].most_common(1)[0][0]:06x}'"

    def __str__(self) -> str:
        """List the colors, most frequent first: ``red '#ff0000' (1.9% of the pixels)``."""
        return ", ".join(
            f"{_NAMES[i]} '#{self._codes[i].most_common(1)[0][0]:06x}' "
            f"({100 * self._totals[i] / self.pixels:.2g}% of the pixels)"
            for i in self._order()[:_SHOWN]
        )

    def _order(self) -> list[int]:
        """Return the positions of the colors found, most frequent first."""
        return sorted(np.flatnonzero(self._totals).tolist(), key=lambda i: -self._totals[i])


def count_colors(images: Iterable[np.ndarray]) -> ColorCount:
    """Count the colors of ``(H, W, 3)`` uint8 RGB images."""
    found = ColorCount()
    for pixels in images:
        found.add(pixels)
    return found


def missing_marks(name: str, color: tuple[int, int, int], found: ColorCount) -> FileError:
    """Return the error for masks without marks of a color, which lists the colors found."""
    return FileError(
        f"Expected {name} to have marks of the color #{bytes(color).hex()}, but got "
        f"{found or 'no color'}. Set --color to the color of the marks."
    )


def looks_like_image(values: np.ndarray) -> bool:
    """Return whether values look like a gray image: most neighboring pixels differ.

    Args:
        values: ``(H, W)`` of any integer type.
    """
    return values.shape[1] > 1 and float((values[:, 1:] != values[:, :-1]).mean()) > 0.5
