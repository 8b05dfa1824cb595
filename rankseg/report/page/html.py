# SPDX-License-Identifier: Apache-2.0
"""Builders of HTML elements, which escape user text."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from rankseg.utils.safe_text import printable
from rankseg.visualization.overlay import colour_map
from rankseg.visualization.panel import encode, fit, fit_label

COLOURS = 8  # for curves, see the style sheet
THUMBNAIL = 256  # longest side of an embedded picture, in pixels


class Html(str):
    """String that already is HTML."""


BR = Html("<br>")


def text(value: Any) -> Html:
    """Convert a value to HTML: HTML is kept, everything else is escaped."""
    return value if isinstance(value, Html) else Html(_escaped(value))


def _escaped(value: Any) -> str:
    return escape(printable(str(value), keep="\n\t"))


def join(pieces: Iterable[Any], between: str = "") -> Html:
    """Concatenate pieces."""
    return Html(between.join(text(piece) for piece in pieces))


def tag(name: str, *content: Any, **attributes: Any) -> Html:
    """Build an element; ``class_`` and ``data_x`` become ``class`` and ``data-x``.

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
    """Build a table whose first column holds row headers; a wide table scrolls separately."""
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    )
    return tag("div", tag("table", top, tag("tbody", *body), class_=class_), class_="wide")


def dot(index: int) -> Html:
    """Build a dot in the color of a run."""
    return tag("span", class_=f"dot c{index % COLOURS}")


def run_name(index: int, name: str) -> Html:
    """Build the name of a run with its color."""
    return tag("span", dot(index), name, class_="run")


def photo(image: np.ndarray, alt: str) -> Html:
    """Embed an image, at most as large as a thumbnail."""
    small = max(image.shape[:2]) < THUMBNAIL // 2
    image = image if small else fit(image, _size(image))
    kind = "png" if small else "jpeg"
    return _embed(encode(image, ".png" if small else ".jpg"), kind, alt, small)


def label_map(label: np.ndarray, palette: Sequence[Sequence[int]], alt: str) -> Html:
    """Embed a label map in the colors of its classes."""
    small = max(label.shape) < THUMBNAIL // 2
    label = label if small else fit_label(label, _size(label))
    return _embed(encode(colour_map(label, palette)), "png", alt, small)


def _size(picture: np.ndarray) -> tuple[int, int]:
    """Return the size of a thumbnail; pictures are never enlarged."""
    return tuple(min(THUMBNAIL, side) for side in picture.shape[:2])


def _embed(content: bytes, kind: str, alt: str, small: bool = False) -> Html:
    data = base64.b64encode(content).decode()
    small_class = ' class="small"' if small else ""
    return Html(f'<img src="data:image/{kind};base64,{data}" alt="{_escaped(alt)}"{small_class}>')


def panel(picture: np.ndarray, alt: str) -> Html:
    """Embed a uint8 RGB picture composed of several pictures, at full size."""
    return _embed(encode(picture, ".jpg"), "jpeg", alt)


def embed_file(content: bytes, alt: str) -> Html:
    """Embed a PNG file unchanged."""
    return _embed(content, "png", alt)
