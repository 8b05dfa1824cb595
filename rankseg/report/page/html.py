# SPDX-License-Identifier: Apache-2.0
"""Pieces of HTML; text that comes from users is escaped here."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from rankseg.utils.safe_text import printable
from rankseg.visualization.overlay import colour_map
from rankseg.visualization.panel import encode, fit, fit_label

COLOURS = 8  # of curves, see the style sheet
THUMBNAIL = 256  # largest side of an embedded picture, in pixels


class Html(str):
    """Text that is HTML already."""


BR = Html("<br>")


def text(value: Any) -> Html:
    """Anything as HTML: what is HTML stays, all else is escaped."""
    return value if isinstance(value, Html) else Html(_escaped(value))


def _escaped(value: Any) -> str:
    return escape(printable(str(value), keep="\n\t"))


def join(pieces: Iterable[Any], between: str = "") -> Html:
    """Pieces one after the other."""
    return Html(between.join(text(piece) for piece in pieces))


def tag(name: str, *content: Any, **attributes: Any) -> Html:
    """An element; ``class_`` and ``data_x`` become ``class`` and ``data-x``.

    Example:
        >>> tag("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}>{join(content)}</{name}>")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], class_: str | None = None) -> Html:
    """A table whose first column names its rows; a wide one scrolls by itself."""
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    )
    return tag("div", tag("table", top, tag("tbody", *body), class_=class_), class_="wide")


def dot(index: int) -> Html:
    """The colour of a run."""
    return tag("span", class_=f"dot c{index % COLOURS}")


def run_name(index: int, name: str) -> Html:
    """Name of a run with its colour."""
    return tag("span", dot(index), name, class_="run")


def photo(image: np.ndarray, alt: str) -> Html:
    """An embedded image, not larger than a thumbnail."""
    small = max(image.shape[:2]) < THUMBNAIL // 2
    image = image if small else fit(image, _size(image))
    kind = "png" if small else "jpeg"
    return _embed(encode(image, ".png" if small else ".jpg"), kind, alt, small)


def label_map(label: np.ndarray, palette: Sequence[Sequence[int]], alt: str) -> Html:
    """An embedded label map in the colours of its classes."""
    small = max(label.shape) < THUMBNAIL // 2
    label = label if small else fit_label(label, _size(label))
    return _embed(encode(colour_map(label, palette)), "png", alt, small)


def _size(picture: np.ndarray) -> tuple[int, int]:
    """Cell of a thumbnail; a picture is never enlarged."""
    return tuple(min(THUMBNAIL, side) for side in picture.shape[:2])


def _embed(content: bytes, kind: str, alt: str, small: bool = False) -> Html:
    data = base64.b64encode(content).decode()
    small_class = ' class="small"' if small else ""
    return Html(f'<img src="data:image/{kind};base64,{data}" alt="{_escaped(alt)}"{small_class}>')


def panel(picture: np.ndarray, alt: str) -> Html:
    """A uint8 RGB picture of many pictures, as large as it is."""
    return _embed(encode(picture, ".jpg"), "jpeg", alt)


def embed_file(content: bytes, alt: str) -> Html:
    """A PNG file as it is."""
    return _embed(content, "png", alt)
