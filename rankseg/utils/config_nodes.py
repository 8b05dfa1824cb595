# SPDX-License-Identifier: Apache-2.0
"""The dicts inside a config."""

from collections.abc import Iterator
from typing import Any


def nodes(value: Any, where: str = "") -> Iterator[tuple[str, dict]]:
    """All dicts inside a config with the path that leads to them."""
    if isinstance(value, dict):
        yield where, value
        for key, item in value.items():
            yield from nodes(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from nodes(item, f"{where}[{i}]")
