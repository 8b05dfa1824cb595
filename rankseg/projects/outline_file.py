# SPDX-License-Identifier: Apache-2.0
"""What a file of outlines says, whatever program wrote it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rankseg.projects.json_files import shown
from rankseg.projects.outline import Outline
from rankseg.utils.found_names import form
from rankseg.utils.safe_text import unsafe_character

MOST = 2**31  # pixels of a side


class Shape(NamedTuple):
    """An outline and the name of its class."""

    name: str
    outline: Outline


@dataclass
class Listed:
    """An image that a file of outlines names.

    Attributes:
        where: What to call it in messages, such as ``image id 3 in result.json``.
        file_name: As the file gives it.
        size: ``(height, width)`` as the file gives them; not checked.
        shapes: What can be drawn.
    """

    where: str
    file_name: str
    size: tuple[Any, Any] = (None, None)
    shapes: list[Shape] = field(default_factory=list)

    @property
    def known_size(self) -> tuple[int, int] | None:
        """Height and width, if the file gives both as numbers that can be those of an image."""
        height, width = self.size
        good = all(type(n) in (int, float) and 0 < n < MOST and n % 1 == 0 for n in self.size)
        return (int(height), int(width)) if good else None


@dataclass
class OutlineFile:
    """Everything that a file, or a folder of files, says.

    Attributes:
        images: In the order of the file.
        names: Names of classes in their order, used or not.
        left_out: How many annotations were left out, by the reason.
        notes: Sentences for the user.
    """

    images: list[Listed] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def value_of(entry: Any, key: str) -> Any:
    """A value of a JSON object; None if it is no object or has no such key."""
    return entry.get(key) if isinstance(entry, Mapping) else None


def class_name(value: Any) -> str | None:
    """The name of a class, its accents in one form and no blanks around it; None if it is none."""
    if type(value) in (int, float):
        value = str(value)
    if not isinstance(value, str):
        return None
    name = form(value.strip())
    return name if name and unsafe_character(name) is None else None


def plural(count: int, thing: str) -> str:
    """``1 image``, ``2 images``; for notes."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def list_names(names: list, few: int = 3) -> str:
    """The first names of a list, for notes."""
    more = f", ... ({len(names)} in all)" if len(names) > few else ""
    return ", ".join(shown(name) for name in names[:few]) + more
