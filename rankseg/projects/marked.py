# SPDX-License-Identifier: Apache-2.0
"""Masks stored as colored marks on gray images, in the files of a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rankseg.imageio.marks import ColorCount, count_colors, read_marks
from rankseg.imageio.reading import read_image
from rankseg.projects.mask_codes import GREY, Codes, MaskLook

_LEVELS, _SHARE = 16, 0.3  # fewest levels and pixels between black and white in a gray image


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
        return Codes(GREY, np.any([one.mask for one in marks], 0).astype(np.int32))

    def check(self, masks: Sequence[str], looks: Sequence[MaskLook]) -> None:
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


def check_not_marked(looks: Mapping[Path, MaskLook]) -> None:
    """Check that masks are not gray images with colored marks, whose gray levels are no classes.

    Raises:
        ValueError: If they are; the message lists the colors of the marks.
    """
    colors = ColorCount()
    grays, gray_pixels = set(), 0
    for look in looks.values():
        for code, count in look.colour_counts().items():
            if code % 0x010101 == 0 and 0 < code < 0xFFFFFF:
                grays.add(code)
                gray_pixels += count
        colors.add_codes(look.colour_counts(), look.size[0] * look.size[1])
    if colors and len(grays) >= _LEVELS and gray_pixels > _SHARE * colors.pixels:
        raise ValueError(
            f"Expected masks of flat colors, but got gray pictures with marks in {colors}. If "
            f"objects are outlined or filled in one of them, name it with --color, such as "
            f"--color {colors.first()}."
        )
