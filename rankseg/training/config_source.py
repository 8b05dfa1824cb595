# SPDX-License-Identifier: Apache-2.0
"""Text of config files: what may be in it, so that nothing but the config itself runs.

mmengine replaces ``{{ ... }}`` in the text of a config before Python reads it, also within quotes
and comments. So quoting protects nothing: what comes from data stays out of the text, and paths are
refused where they hold what mmengine or Python gives a meaning to.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankseg.utils.atomic_file import write_text
from rankseg.utils.safe_text import printable, unsafe_character

TEMPLATE = "{{"
"""What begins a part that mmengine replaces."""
REFUSED = (TEMPLATE, "}}", '"""', "'''", "\\")


def check_path(path: str | Path, option: str) -> None:
    """Check a path that is to be named in a config.

    Args:
        path: The path.
        option: By which the user names it.

    Raises:
        ValueError: If it holds ``{{``, ``}}``, triple quotes, a backslash, or a character that
            cannot be shown.
    """
    text = str(path)
    found = next((part for part in REFUSED if part in text), None) or unsafe_character(text)
    if found:
        raise ValueError(
            f"{option} {printable(text)}: expected a path that a config can name, but it holds "
            f"{printable(found)!r}. Choose or rename the folder, and give it with {option}"
        )


def literal(text: str) -> str:
    """Write a Python string in the quotes of the other configs."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def write_config(path: str | Path, text: str) -> None:
    """Write a config that mmengine will read just as it is.

    Raises:
        ValueError: If mmengine would replace a part of it, or it is no Python.
        WriteError: If the file cannot be written.
    """
    found = TEMPLATE if TEMPLATE in text else unsafe_character(text.replace("\n", ""))
    if found is not None:
        raise ValueError(
            f"config {path} was not written: expected text that mmengine leaves as it is, but it "
            f"holds {printable(found)!r}. Rename the file or folder that this is from"
        )
    ast.parse(text)
    write_text(path, text)


def check_values(config: Any, path: str) -> None:
    """Refuse values that would be replaced when the config of the run is saved and read again.

    Args:
        config: A config, or a part of one.
        path: Its file, for the message.

    Raises:
        ValueError: Naming the key.
    """
    for where, text in texts(config):
        if TEMPLATE in text:
            raise ValueError(
                f"config {printable(path)}: expected {printable(where)} to be text without "
                f"{TEMPLATE!r}, but got {printable(text)[:80]!r}, which would be "
                "replaced when the saved config is read again. Rename the file or folder, or "
                "change the value"
            )


def texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """All strings inside a config, keys too, with the path that leads to them."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{where}.{key}" if where else str(key)
            yield from texts(str(key), inner)
            yield from texts(item, inner)
    elif isinstance(value, list | tuple | set):
        for i, item in enumerate(value):
            yield from texts(item, f"{where}[{i}]")
