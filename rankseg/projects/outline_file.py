# SPDX-License-Identifier: Apache-2.0
"""Content of a file of outlines, independent of the tool that wrote it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rankseg.projects.json_files import shown
from rankseg.projects.outline import Outline
from rankseg.utils.found_names import form
from rankseg.utils.safe_text import unsafe_character

MOST = 2**31  # largest side in pixels


class Shape(NamedTuple):
    """Outline with the name of its class."""

    name: str
    outline: Outline


@dataclass
class Listed:
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
        good = all(type(n) in (int, float) and 0 < n < MOST and n % 1 == 0 for n in self.size)
        return (int(height), int(width)) if good else None


@dataclass
class OutlineFile:
    """Content of a file, or of a folder of files.

    Attributes:
        images: Images in the order of the file.
        names: Ordered class names, including unused ones.
        left_out: Number of skipped annotations by reason.
        notes: Sentences for the user.
    """

    images: list[Listed] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def value_of(entry: Any, key: str) -> Any:
    """Return a value of a JSON object, or None if it is not an object or lacks the key."""
    return entry.get(key) if isinstance(entry, Mapping) else None


def class_name(value: Any) -> str | None:
    """Return a class name in one Unicode form without surrounding blanks; None if invalid."""
    if type(value) in (int, float):
        value = str(value)
    if not isinstance(value, str):
        return None
    name = form(value.strip())
    return name if name and unsafe_character(name) is None else None


def plural(count: int, thing: str) -> str:
    """Format a count for notes: ``1 image``, ``2 images``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def list_names(names: list, few: int = 3) -> str:
    """Join the first names of a list, for notes."""
    more = f", ... ({len(names)} in all)" if len(names) > few else ""
    return ", ".join(shown(name) for name in names[:few]) + more
