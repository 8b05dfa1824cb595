# SPDX-License-Identifier: Apache-2.0
"""Masks of a stack: which values or colors are foreground, and which pages are empty."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.errors import FileError
from rankseg.imageio.intensity import value_counts
from rankseg.imageio.marks import ColorCount, Marks, looks_like_image, missing_marks, read_marks
from rankseg.imageio.masks import format_values
from rankseg.imageio.tiff import TiffStack
from rankseg.projects.messages import plural
from rankseg.utils.progress import track

UNLABELED, BACKGROUND = "unlabeled", "background"
EMPTY_RULE = (
    "a mask without foreground is not a label, unless --labeled-slices names its slice or "
    "--empty-masks background is set"
)


class MaskRule(NamedTuple):
    """Rule that selects the foreground pixels of a mask.

    Attributes:
        above: Values above this are foreground; ``None``: the only value that is not 0.
        color: Red, green and blue of the foreground marks, which also include the area they
            enclose.
    """

    above: int | None = None
    color: tuple[int, int, int] | None = None

    def decode(self, masks: TiffStack, page: int) -> np.ndarray:
        """Decode a page: as colors if the rule has a color, otherwise as stored numbers."""
        return masks[page] if self.color is None else masks.image(page)

    def read(self, values: np.ndarray) -> Marks:
        """Read a decoded page, ``(H, W)`` or ``(H, W, 3)`` RGB, as a mask."""
        if self.color is not None:
            return read_marks(values, self.color)
        return Marks(as_gray(values) > (0 if self.above is None else self.above), 0, 0, 0)


NONZERO = MaskRule()
"""Rule for masks whose only value other than 0 is foreground."""


class StackMaskStats(NamedTuple):
    """Content of the masks of a stack.

    Attributes:
        share: Share of foreground, 0 to 1, by page of the images.
        marks: Number of outlines that were filled, of outlines at the edge of a page, and of open
            outlines.
        open: Pages of the images with open outlines.
    """

    share: dict[int, float]
    marks: tuple[int, int, int] = (0, 0, 0)
    open: tuple[int, ...] = ()


def as_gray(page: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` of a gray page, even if it is stored as RGB."""
    return cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page


def check_kind(masks: TiffStack, rule: MaskRule) -> None:
    """Check that the rule applies to a stack.

    Raises:
        FileError: If it does not; the message names the stack.
    """
    name = f"{masks.what} {masks.path}"
    colors = masks.bands - (masks.alpha is not None) == 3
    if len(masks.shape) == 3 and (not colors or masks.deep):
        raise FileError(
            f"Expected {name} to be gray, or RGB of 8 bits, but got {masks.shape[2]} samples of "
            f"{masks.dtype}. Save it as RGB or gray (in ImageJ: Image > Type)."
        )
    if rule.color is not None and not colors:
        raise FileError(
            f"Expected {name} to be in RGB for --color, but got one gray channel. Save it with the "
            "marks in color (in ImageJ: Image > Overlay > Flatten), or leave --color out."
        )


def inspect_masks(masks: TiffStack, mask_of: dict[int, int], rule: MaskRule) -> StackMaskStats:
    """Read all masks, with a progress bar.

    Args:
        masks: Stack of masks.
        mask_of: Page of the mask by page of the images.
        rule: Rule that selects foreground pixels.

    Raises:
        FileError: If all masks together hold a single value, more than two values without a rule,
            colors without ``rule.color``, or no pixel of that color.
    """
    colors, total = ColorCount(), 0
    share, marks, unclosed, image_like = {}, np.zeros(3, int), [], 0
    for number, mask_page in track(sorted(mask_of.items()), f"reading {masks.path}"):
        page = rule.decode(masks, mask_page)
        if page.ndim == 3:
            colors.add(page)
        if rule.color is None:
            gray = as_gray(page)
            total = total + value_counts([gray], masks.dtype)
            image_like += looks_like_image(gray)
        found = rule.read(page)
        share[number] = float(found.mask.mean())
        marks += found[1:]
        unclosed += [number] if found.open else []
    name = f"{masks.what} {masks.path}"
    if rule.color is not None:
        _check_marked(name, share, colors, rule.color)
    else:
        if colors:
            raise FileError(
                f"Expected {name} to be gray masks, but got colors: {colors}. If objects are "
                f"outlined or filled in one of them, name it: --color {colors.first()}. Do not "
                "convert the file to gray."
            )
        lowest = np.iinfo(masks.dtype).min
        _check_values(name, np.flatnonzero(total) + lowest, share, rule.above, image_like)
    return StackMaskStats(share, tuple(marks.tolist()), tuple(unclosed))


def _check_marked(
    name: str, share: dict[int, float], colors: ColorCount, color: tuple[int, int, int]
) -> None:
    if not any(share.values()):
        raise missing_marks(name, color, colors)
    if all(value == 1 for value in share.values()):
        raise FileError(
            f"Expected {name} to have background, but got {len(share)} masks of foreground only. "
            "Check that --color is the color of the marks."
        )


def _check_values(
    name: str, values: np.ndarray, share: dict[int, float], above: int | None, image_like: int
) -> None:
    """Check that the distinct values are those of masks, of which some look like images."""
    several = len(values) > 2 or values[0] < 0 or (len(values) == 2 and values[0] != 0)
    if above is None and several and 2 * image_like > len(share):
        raise FileError(
            f"Expected {name} to be masks, but got {len(values)} values that differ from pixel to "
            "pixel, as in a gray image. If objects are outlined on the images, save the file in "
            "color and add --color red. A threshold (--above) does not find outlines."
        )
    if above is None and several:
        raise FileError(
            f"Expected {name} to hold 0 for background and one other value, but got the values "
            f"{format_values(values)}. With --above N every value above N is foreground (--above 0 "
            "for numbered objects, --above 127 for soft edges)."
        )
    if not 0 < sum(share.values()) < len(share):
        what = "foreground" if any(share.values()) else "background"
        raise FileError(
            f"Expected {name} to hold foreground and background, but all pixels of its "
            f"{len(share)} masks are {what} (values {format_values(values)}). Check that it is the "
            "right file."
        )


def as_ranges(numbers: Sequence[int]) -> str:
    """Format sorted numbers as ranges.

    >>> as_ranges([1, 2, 4, 5, 6, 9])
    '1-2, 4-6, 9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def describe_marks(marks: Sequence[int], unclosed: Sequence[int]) -> list[str]:
    """Describe how outlines were handled.

    Args:
        marks: Numbers of outlines, see :class:`StackMaskStats`.
        unclosed: Numbers, from 1, of the slices with open outlines.
    """
    closed, at_edge, count = marks
    lines = [f"filled {plural(closed, 'closed outline')}"] if closed else []
    if at_edge:
        ends = "ends" if at_edge == 1 else "end"
        lines.append(
            f"filled {plural(at_edge, 'outline')} that {ends} at the edge of a page, on the "
            "smaller side"
        )
    if count:
        word = "is" if count == 1 else "are"
        lines.append(
            f"warning: {plural(count, 'outline')} {word} not closed (slices "
            f"{as_ranges(unclosed)}), so only the lines are foreground. Close them and convert "
            "again"
        )
    return lines


def describe_empty(empty: Sequence[int], pages: int, kept: bool, named: bool) -> list[str]:
    """Describe how empty masks are treated, and how to change it.

    Args:
        empty: Numbers, from 1, of the slices with empty masks.
        pages: Number of masks.
        kept: Whether they count as background.
        named: Whether this is because ``--labeled-slices`` names them.
    """
    if not empty:
        return []
    text = f"{len(empty)} of {pages} masks are empty (slices {as_ranges(empty)})"
    if kept:
        why = "--labeled-slices names them" if named else "--empty-masks background"
        return [f"{text} and used as labels of background ({why})"]
    return [
        f"{text} and not used as labels or for validation. If a slice was annotated and holds no "
        "object, name it in --labeled-slices, or add --empty-masks background if this is true for "
        "all of them"
    ]
