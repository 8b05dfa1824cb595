# SPDX-License-Identifier: Apache-2.0
"""Validation of class names and colors, and readers for the files that hold them."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rankseg.utils.found_names import form
from rankseg.utils.safe_text import printable, unsafe_character

STACK_NOTES = "stacks.json"  # written by the stack converter into the data root
CLASSES_FILE = "classes.txt"
CLASSES_JSON = "classes.json"
MOST = 100_000  # a file with more names is not a list of classes
LONGEST = 200  # maximum length of a name, in characters
SHOWN = 40  # characters of an invalid name that a message quotes


class Classes(NamedTuple):
    """Names in id order with one RGB color each; no colors if none are given."""

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]


def split_lines(text: str) -> list[str]:
    """Split text at the line breaks that editors use, and nowhere else.

    ``str.splitlines`` also splits at characters such as U+2028, which may occur inside a name.

    Example:
        >>> split_lines("one\\r\\ntwo\\rstill\\u2028two")
        ['one', 'two', 'still\\u2028two']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check_names(names: Iterable[Any], where: str) -> tuple[str, ...]:
    """Check class names before they are displayed, logged or written.

    Args:
        names: Names in id order.
        where: Source of the names, for the message.

    Raises:
        ValueError: If there are no names, or a name is not a string, blank, too long, a duplicate
            (in any Unicode form), or contains a line break or another unprintable character.
    """
    names = tuple(names)
    if not 0 < len(names) < MOST:
        raise ValueError(
            f"{where}: expected different names, at least one and fewer than {MOST}, but got "
            f"{len(names)} of them"
        )
    for name in names:
        if fault := _fault(name):
            raise ValueError(
                f"{where}: expected a class name to be one line of 1 to {LONGEST} characters that "
                f"can be shown, but got {quoted(name)} with {fault}. Rename the class"
            )
    twice = [name for name, count in Counter(map(form, names)).items() if count > 1]
    if twice:
        raise ValueError(
            f"{where}: expected different class names, but got {quoted(twice[0])} twice. Rename "
            "one of the two, or merge them"
        )
    return names


def _fault(name: Any) -> str | None:
    """Return why a name is invalid, or None."""
    if not isinstance(name, str):
        return f"the type {type(name).__name__}"
    if (char := unsafe_character(name)) is not None:
        return f"the character U+{ord(char):04X}"
    if len(name) > LONGEST:
        return f"{len(name)} characters"
    return None if name.strip() else "no letter"


def quoted(name: Any) -> str:
    """Quote a name, shortened and with terminal control characters escaped."""
    text = printable(str(name))
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def check_palette(palette: Iterable[Any], number: int, where: str) -> tuple:
    """Check the colors of ``number`` classes.

    Raises:
        ValueError: If there is not one RGB triple in 0 to 255 per class.
    """
    try:
        colors = tuple(tuple(map(int, color)) for color in palette)
    except (TypeError, ValueError):
        colors = ()
    good = all(len(color) == 3 and 0 <= min(color) <= max(color) < 256 for color in colors)
    if len(colors) != number or not good:
        raise ValueError(
            f"{where}: expected the palette to be {number} colors of red, green and blue, 0 to "
            f"255, but got {quoted(palette)}. Correct it, or leave it out"
        )
    return colors


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Read class names, one per line in id order; blank lines are skipped.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file has no class, a class twice, or a name that :func:`check_names`
            rejects.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected class names in {path}, but it does not exist. Write one name per line in id "
            "order, or set classes=('background', ...) in the config. For two-class masks of 0 and "
            "255, binary=True (make_splits.py: --binary) needs no names."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected class names {path} to be UTF-8 text, but got other bytes. Save the file as "
            "UTF-8, one name per line."
        ) from error
    if "\0" in text:
        raise ValueError(
            f"Expected class names {path} to be text, but got zero bytes. Write the file again."
        )
    lines = (line.strip() for line in split_lines(text))
    return check_names((line for line in lines if line), f"class names {path}")


def read_class_file(path: str | Path) -> Classes:
    """Read names and colors: ``{"classes": [...], "palette": [[0, 0, 0], ...]}``.

    A file without the suffix ``.json`` holds names only, see :func:`read_classes`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is not such JSON, or names or colors are invalid.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        return Classes(read_classes(path), ())
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected class names in {path}, but it does not exist. tools/new_project.py writes "
            "them next to the split lists: copy the file, or set classes=('background', ...) in "
            "the config."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        names, palette = content["classes"], content.get("palette") or ()
        if not isinstance(names, list) or not isinstance(palette, list | tuple):
            raise TypeError("no lists")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"class names {path}: expected JSON such as "
            f'{{"classes": ["background", "car"]}}, but got {type(error).__name__}. Correct the '
            "file, or write it again with tools/new_project.py --overwrite"
        ) from error
    names = check_names(names, f"class names {path}")
    return Classes(names, check_palette(palette, len(names), str(path)) if palette else ())
