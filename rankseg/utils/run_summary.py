# SPDX-License-Identifier: Apache-2.0
"""``summary.json`` of a run, read with care: it may come from another program or machine."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LARGEST = 100 * 2**20  # bytes; 1,000 validations of 1,000 classes take a third of it
NEEDED = ("seconds", "last", "best")
_MOST = 2**53  # iterations, and whole numbers that a float can hold


def read_summary(path: Path, needed: Sequence[str] = NEEDED) -> dict[str, Any]:
    """Read the summary of one run.

    Args:
        path: The file.
        needed: Entries that must be there.

    Raises:
        ValueError: If it is damaged or something else.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
        summary = json.loads(path.read_text(encoding="utf-8"))
        check_summary(summary, needed)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or no summary of a run ({error}): expected what tools/train.py "
            "leaves; remove the file, or leave this run out"
        ) from error
    return summary


def check_summary(summary: Any, needed: Sequence[str] = NEEDED) -> None:
    """Refuse what is not the content of a ``summary.json``.

    Every validation is an object of numbers with a whole, non-negative ``iteration``; a metric may
    be NaN.

    Args:
        summary: Anything that JSON can hold.
        needed: Entries that must be there.

    Raises:
        ValueError: Naming the first entry that is wrong.
    """
    if not isinstance(summary, Mapping):
        raise ValueError(f"expected an object, but got {_shown(summary)}")
    for key in needed:
        if key not in summary:
            raise ValueError(f"{key!r} is missing")
    seconds = summary.get("seconds", 0)
    if not is_number(seconds) or not 0 <= seconds < math.inf:
        raise ValueError(f"seconds is {_shown(seconds)}")
    if "max_iters" in summary and not is_iteration(summary["max_iters"]):
        raise ValueError(f"max_iters is {_shown(summary['max_iters'])}")
    history = summary.get("history", [])
    if not isinstance(history, list):
        raise ValueError(f"history is {_shown(history)}")
    parts = {key: summary[key] for key in ("last", "best") if key in summary}
    parts |= {f"history[{i}]": one for i, one in enumerate(history)}
    for name, one in parts.items():
        if not isinstance(one, Mapping):
            raise ValueError(f"{name} is {_shown(one)}")
        if not is_iteration(one.get("iteration")):
            raise ValueError(f"{name}.iteration is {_shown(one.get('iteration'))}")
        bad = next((key for key, value in one.items() if not is_number(value)), None)
        if bad is not None:
            raise ValueError(f"{name}.{bad} is {_shown(one[bad])}")


def is_iteration(value: Any) -> bool:
    """Whether a value from JSON can be a number of iterations."""
    return type(value) is int and 0 <= value < _MOST


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a number that can be computed with, NaN included."""
    return type(value) is float or (type(value) is int and abs(value) < _MOST)


def _shown(value: Any) -> str:
    """A value, or its type where it is long."""
    text = json.dumps(value) if isinstance(value, str | float | bool) or value is None else ""
    return text if 0 < len(text) <= 40 else f"of type {type(value).__name__}"
