# SPDX-License-Identifier: Apache-2.0
"""Values, counts and lists of names in messages."""

import reprlib
from collections.abc import Sequence
from typing import Any

MAX_CHARACTERS = 60  # of a value from a file
MAX_LISTED = 3


def shorten(value: Any) -> str:
    """Format a value from a file as short text on one line.

    >>> shorten("a\\nb")
    "'a\\\\nb'"
    """
    text = value if isinstance(value, str) else reprlib.repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."


def plural(count: int, thing: str) -> str:
    """Format a count: ``1 image``, ``2 images``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def list_names(names: Sequence[Any]) -> str:
    """Join the first names of a list, and count all of them if there are more."""
    more = f", ... ({len(names)} in total)" if len(names) > MAX_LISTED else ""
    return ", ".join(shorten(name) for name in names[:MAX_LISTED]) + more
