# SPDX-License-Identifier: Apache-2.0
"""Escaping of file and folder names for terminals, tables and web pages."""

import unicodedata
from typing import Any

UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, lone surrogates, and line separators."""
BIDI = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
"""Characters that change the text direction, so that a line displays in another order."""
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that start a formula in a spreadsheet; the last four are full-width forms."""


def unsafe_character(text: str) -> str | None:
    """Return the first character that must be escaped for display, or None.

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
    """Return a text with unsafe characters as Python escapes, such as ``\\x1b``.

    Args:
        text: Any text.
        keep: Characters that are not escaped, such as line breaks.
    """
    return "".join(
        char.encode("unicode_escape").decode() if _is_unsafe(char) and char not in keep else char
        for char in text
    )


def safe_cell(value: Any) -> Any:
    """Return a table cell that no spreadsheet interprets as a formula.

    Text that looks like a formula gets a leading ``'``, which spreadsheets hide. Numbers are
    unchanged.

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
