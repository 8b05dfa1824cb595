# SPDX-License-Identifier: Apache-2.0
"""Retrieval results of embedding networks, with a row per query, the nearest image first."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rankseg.visualization.panel import fit

CELL = 96  # longest side of a picture in pixels
GAP = 12  # between pictures
FRAME, THIN = 4, 2  # width of a frame around a picture, in pixels; thin if nothing is wrong
LINE = 15  # height of a line of text
ASIDE = 160  # maximum width of the name of a network
QUERY, WRONG, RIGHT, PLAIN = (25, 95, 215), (215, 30, 30), (70, 165, 95), (205, 205, 205)
INK, SOFT = (30, 30, 30), (120, 120, 120)


class RetrievedImage(NamedTuple):
    """Retrieved image.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        name: Name of its class; empty if unknown.
        similarity: Similarity to the query, in ``[-1, 1]``.
        right: Whether it has the class of the query; None if unknown.
        file: Path of the image, for tables, and as a label if the class is unknown.
    """

    image: np.ndarray
    name: str
    similarity: float
    right: bool | None = None
    file: str = ""

    def lines(self) -> list[str]:
        """Return the text below the image: its class or, if unknown, its file and similarity."""
        if self.name:
            return [self.name]
        return [*filter(None, [Path(self.file).stem]), f"{self.similarity:.2f}"]


class QueryResult(NamedTuple):
    """Query with the images retrieved for it.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        name: Name of its class, or any other text.
        found: Retrieved images by network, the nearest first.
        file: Path of the image, for tables.
    """

    image: np.ndarray
    name: str
    found: Mapping[str, Sequence[RetrievedImage]]
    file: str = ""


def draw_retrieval(
    searches: Sequence[QueryResult], title: str = "", cell: int = CELL
) -> np.ndarray:
    """Draw queries in blue frames, and beside each the retrieved images, wrong ones in red frames.

    Correct images have a thin green frame, those of unknown class a gray one. The text below an
    image is its class or, if that is unknown, the name of its file and its similarity. If there are
    several networks, each has its own row beside the query.

    Args:
        searches: Queries, all with the same networks.
        title: Title; none if empty.
        cell: Longest side of a picture in pixels; smaller pictures are enlarged.

    Returns:
        uint8 RGB.

    Raises:
        ValueError: If there is no query.

    Source: Chapters 4 and 5 of the dissertation, Figures 4.4 and 5.5.
    """
    if not searches:
        raise ValueError("there is no query to draw")
    names = list(searches[0].found)
    every = [found for one in searches for found in one.found.values()]
    most = max(map(len, every))
    lines = max((len(other.lines()) for found in every for other in found), default=1)
    aside = _label_width(names)
    row, start = cell + lines * LINE + GAP, 3 * GAP + cell + aside  # start: of the first result
    top = GAP + (2 * LINE if title else 0) + LINE
    size = start + most * (cell + GAP), top + (row * len(names) + GAP) * len(searches)
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    pen.text((GAP, GAP), cut(title, size[0] - 2 * GAP, 13), INK, font(13, bold=True))
    heads = {GAP: "query"} | {start + i * (cell + GAP): f"{i + 1}" for i in range(most)}
    for x, text in heads.items():
        pen.text((x + cell / 2, top - FRAME - 2), text, SOFT, font(11), anchor="mb")
    y = top
    for one in searches:
        if y > top:
            pen.line([(GAP, y - GAP), (size[0] - GAP, y - GAP)], PLAIN)
        middle = y + (len(names) - 1) * row // 2
        _put(page, (GAP, middle), cell, one.image, [one.name], QUERY)
        for name, found in one.found.items():
            if aside:
                _put_name(pen, (start - GAP, y + cell // 2), name, found, aside)
            for k, other in enumerate(found):
                color = {True: RIGHT, False: WRONG, None: PLAIN}[other.right]
                at = start + k * (cell + GAP), y
                _put(page, at, cell, other.image, other.lines(), color)
            y += row
        y += GAP
    return np.asarray(page)


def _label_width(names: Sequence[str]) -> int:
    """Compute the width for the names of networks in pixels; 0 for a single one without a name."""
    if not any(names):
        return 0
    return min(ASIDE, max(80, *(int(font(11, bold=True).getlength(name)) for name in names))) + GAP


def _put_name(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    name: str,
    found: Sequence[RetrievedImage],
    width: int,
) -> None:
    """Draw the name of a network and, if known, the number of its images that are correct."""
    pen.text(at, cut(name, width - GAP, 11), INK, font(11, bold=True), anchor="rb")
    if found and all(one.right is not None for one in found):
        count = f"{sum(one.right for one in found)} of {len(found)} right"
        pen.text((at[0], at[1] + 3), count, SOFT, font(11), anchor="ra")


def _put(
    page: Image.Image,
    at: tuple[int, int],
    cell: int,
    image: np.ndarray,
    lines: Sequence[str],
    color: tuple[int, int, int],
) -> None:
    """Draw a framed picture in the middle of its cell, with lines of text below it."""
    picture = fit(image, (cell, cell))
    height, width = picture.shape[:2]
    x, y = at[0] + (cell - width) // 2, at[1] + (cell - height) // 2
    pen, edge = ImageDraw.Draw(page), FRAME if color in (QUERY, WRONG) else THIN
    pen.rectangle((x - edge, y - edge, x + width + edge - 1, y + height + edge - 1), fill=color)
    page.paste(Image.fromarray(picture), (x, y))
    ink = {QUERY: INK, WRONG: WRONG}.get(color, SOFT)
    for i, text in enumerate(lines):
        below = at[0] + cell / 2, y + height + FRAME + i * LINE
        pen.text(below, cut(text, cell + GAP - 4, 11), ink, font(11), anchor="ma")


@lru_cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Load the font that comes with matplotlib, with its size in pixels."""
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts/ttf", file)), size)


def cut(text: str, width: float, size: int) -> str:
    """Shorten a text in the middle to a width in pixels, since names often begin alike."""
    if font(size).getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if font(size).getlength(short) <= width:
            return short
    return ""
