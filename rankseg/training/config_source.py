# SPDX-License-Identifier: Apache-2.0
"""Checks of the text of config files, so that nothing but the config itself runs.

mmengine replaces ``{{ ... }}`` in the text of a config before Python parses it, even inside quotes
and comments. Quoting is therefore no protection: strings that come from data are kept out of the
text, and paths with characters that are special to mmengine or Python are refused.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankseg.utils.atomic_file import write_text
from rankseg.utils.safe_text import printable, unsafe_character

TEMPLATE = "{{"
"""Start of a template that mmengine replaces."""
REFUSED = (TEMPLATE, "}}", '"""', "'''", "\\")


def check_path(path: str | Path, option: str) -> None:
    """Check a path that will be written to a config."""
    text = str(path)
    found = next((part for part in REFUSED if part in text), None) or unsafe_character(text)
    if found:
        raise ValueError(
            f"Expected {option} to be a path that a config can contain, but got {printable(text)} "
            f"with {printable(found)!r}. Rename the folder, or set another one with {option}."
        )


def literal(text: str) -> str:
    """Format a string as a Python literal, in double quotes if possible."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def write_config(path: str | Path, text: str) -> None:
    """Write a config that mmengine reads without changing it."""
    found = TEMPLATE if TEMPLATE in text else unsafe_character(text.replace("\n", ""))
    if found is not None:
        raise ValueError(
            f"Expected text for config {path} that mmengine does not change, but got "
            f"{printable(found)!r}. The config was not written. Rename the file or folder that "
            "contains it."
        )
    ast.parse(text)
    write_text(path, text)


def check_values(config: Any, path: str) -> None:
    """Check that no value would be replaced when the config of the run is saved and read again."""
    for where, text in texts(config):
        if TEMPLATE in text:
            raise ValueError(
                f"Expected {printable(where)} to be text without {TEMPLATE!r} in config "
                f"{printable(path)}, but got {printable(text)[:80]!r}, which would be "
                "replaced when the saved config is read again. Rename the file or folder, or "
                "change the value."
            )


def texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield all strings inside a config, including keys, each after the path to it."""
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
