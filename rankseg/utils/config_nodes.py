# SPDX-License-Identifier: Apache-2.0
"""Traversal of the dicts inside a config."""

from collections.abc import Iterator
from typing import Any


def nodes(value: Any, where: str = "") -> Iterator[tuple[str, dict]]:
    """Yield every dict inside a config together with its path."""
    if isinstance(value, dict):
        yield where, value
        for key, item in value.items():
            yield from nodes(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from nodes(item, f"{where}[{i}]")
