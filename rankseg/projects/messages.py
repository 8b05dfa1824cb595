# SPDX-License-Identifier: Apache-2.0
"""Values, counts and lists of names in messages, and the messages of others."""

import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.logging import MMLogger

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


@contextmanager
def log_level(level: int) -> Iterator[None]:
    """Let MMEngine's log show only messages of this level or above."""
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
