# SPDX-License-Identifier: Apache-2.0
"""Names from files and folders, made safe to show on a terminal, in a table and in a page."""

import unicodedata
from typing import Any

UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, lone surrogates, and separators of lines."""
BIDI = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
"""Characters that turn the direction of text, so that a line reads otherwise than it is stored."""
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet begins a formula with; the last four are the wide forms."""


def unsafe_character(text: str) -> str | None:
    """Return the first character that must not be shown as it is, or None.

    Example:
        >>> unsafe_character("two\\nlines"), unsafe_character("naïve 細胞")
        ('\\n', None)
    """
    if text.isascii() and text.isprintable():
        return None
    return next((char for char in text if _is_unsafe(char)), None)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in UNSHOWN or char in BIDI


def printable(text: str, keep: str = "") -> str:
    """Return a text with unsafe characters as Python writes them, such as ``\\x1b``.

    Args:
        text: Any text.
        keep: Characters that stay, such as line breaks.
    """
    return "".join(
        char.encode("unicode_escape").decode() if _is_unsafe(char) and char not in keep else char
        for char in text
    )


def safe_cell(value: Any) -> Any:
    """Return a cell of a table that no spreadsheet takes for a formula.

    A text that begins like one gets ``'`` before it, which spreadsheets do not show. Numbers stay.

    Example:
        >>> safe_cell("=1+2"), safe_cell("-1.5"), safe_cell("a\\tb")
        ("'=1+2", '-1.5', 'a\\\\tb')
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
