# SPDX-License-Identifier: Apache-2.0
"""Reader that validates ``summary.json``, which may come from another program or machine."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LARGEST = 100 * 2**20  # bytes; 1,000 validations of 1,000 classes need a third of it
NEEDED = ("seconds", "last", "best")
LAG = 1.0  # points by which another network must be better to be named
_MOST = 2**53  # limit of iterations, and of integers that a float represents exactly


def read_summary(path: Path, needed: Sequence[str] = NEEDED) -> dict[str, Any]:
    """Read the summary of one run."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
        summary = json.loads(path.read_text(encoding="utf-8"))
        check_summary(summary, needed)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected {path} to be a summary that tools/train.py wrote, but it is damaged "
            f"({error}). Remove the file, or leave this run out."
        ) from error
    return summary


def check_summary(summary: Any, needed: Sequence[str] = NEEDED) -> None:
    """Check that a value is the content of a ``summary.json``.

    Every validation is an object of numbers whose ``iteration`` is a non-negative integer. Metrics
    may be NaN.
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
    """Check that a JSON value is a valid number of iterations."""
    return type(value) is int and 0 <= value < _MOST


def is_number(value: Any) -> bool:
    """Check that a JSON value is a number in the supported range; NaN counts as one."""
    return type(value) is float or (type(value) is int and abs(value) < _MOST)


def _shown(value: Any) -> str:
    """Format a value, or its type if the value is long."""
    text = json.dumps(value) if isinstance(value, str | float | bool) or value is None else ""
    return text if 0 < len(text) <= 40 else f"of type {type(value).__name__}"


def lags(last: Mapping[str, float], metric: str) -> str | None:
    """Return a sentence if the network that does not predict is clearly better, else None.

    Metrics are in percent; those of that network begin with ``student/`` or ``teacher/``.

    >>> lags({"mIoU": 16.9, "student/mIoU": 25.5}, "mIoU").partition(".")[0]
    'The student is better than the average of its weights, which predicts: mIoU 25'
    >>> lags({"mIoU": 25.0, "student/mIoU": 25.5}, "mIoU") is None
    True
    """
    for other in ("student", "teacher"):
        value, used = last.get(f"{other}/{metric}", math.nan), last.get(metric, math.nan)
        if not value - used > LAG:
            continue
        numbers = f"{metric} {value:.1f} against {used:.1f}"
        if other == "teacher":
            return (
                f"The average of the weights is better than the student, which predicts: {numbers}."
                " Set model.predict_on='teacher'."
            )
        return (
            f"The student is better than the average of its weights, which predicts: {numbers}. "
            "The average lags behind in short runs. Train longer, set model.teacher.warmup=9, or "
            "predict with the student (weights='student', in tools --weights student)."
        )
    return None
