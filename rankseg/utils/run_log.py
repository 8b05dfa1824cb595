# SPDX-License-Identifier: Apache-2.0
"""Reader for the logs of a run: scalars, warnings, and software and device versions."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rankseg.utils.run_summary import is_iteration, is_number

Points = list[tuple[int, float]]
Series = dict[str, Points]

_NO_RESULT = ("iter", "step", "time", "data_time", "memory", "epoch")
# main metrics of rare foreground, segmentation, classification and retrieval
MAIN = ("fgIoU", "mIoU", "top1", "recall1")
PSEUDO = "pseudo_labels/"  # training scalars, although they are logged without "iter"
_LINE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - \S+ - (\w+) - (.*)")
_OTHERS = (
    "FileClient",
    "HardDiskBackend",
    "prefix is not set",
    "will be deprecated",
    "is skipped since its requires_grad=False",
)
"""Substrings of library warnings that appear in every run and need no action."""
_MACHINE = ("Python", "PyTorch", "MMEngine", "OpenCV")


class Scalars(NamedTuple):
    """Scalars by name, each a list of ``(iteration, value)`` sorted by iteration.

    Attributes:
        train: Losses, learning rates and other values that a method logs.
        val: Validation metrics.
    """

    train: Series
    val: Series


def main_metric(names: Mapping) -> str | None:
    """Return the main metric of a run: fgIoU, mIoU, top-1 or Recall@1; None if it has none."""
    return next((name for name in MAIN if name in names), None)


def starts(work_dir: str | Path) -> list[Path]:
    """Return the log folders of each start of a run, oldest first."""
    return sorted(path.parent for path in Path(work_dir).glob("*/vis_data"))


def read_scalars(work_dir: str | Path) -> Scalars:
    """Read the scalars of a run, merged from all its starts.

    Entries of an earlier start are dropped from the iteration at which a later start begins. This
    covers resumed runs and runs restarted in the same folder. Damaged lines are skipped.
    """
    kept: list[dict] = []
    for start in starts(work_dir):
        entries = list(_entries(start / "vis_data" / "scalars.json"))
        if entries:
            first = min(entry["step"] for entry in entries)
            kept = [entry for entry in kept if entry["step"] < first] + entries
    found = Scalars({}, {})
    for entry in kept:
        for name, value in entry.items():
            if name not in _NO_RESULT and is_number(value):
                trained = "iter" in entry or name.startswith(PSEUDO)
                series = found.train if trained else found.val
                series.setdefault(name, []).append((entry["step"], float(value)))
    return found


def _entries(path: Path) -> Iterator[dict]:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):  # the process was killed while writing
                    continue
                if isinstance(entry, dict) and is_iteration(entry.get("step")):
                    yield entry
    except OSError:
        return


def read_warnings(work_dir: str | Path) -> dict[str, int]:
    """Count the warnings and errors of all starts, in order of first appearance.

    Messages that differ only in numbers count as one and are shown in their latest form.
    """
    found: dict[str, tuple[str, int]] = {}
    for level, text in _lines(work_dir):
        if level in ("WARNING", "ERROR", "CRITICAL") and not any(word in text for word in _OTHERS):
            key = re.sub(r"\d+(\.\d+)?", "#", text)
            found[key] = text, found.get(key, ("", 0))[1] + 1
    return dict(found.values())


def _lines(work_dir: str | Path) -> Iterator[tuple[str, str]]:
    """Yield the level and the first line of every message."""
    for start in starts(work_dir):
        for file in sorted(start.glob("*.log")):
            with file.open(encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    if match := _LINE.match(line):
                        yield match[1], match[2].strip()


def read_machine(work_dir: str | Path) -> dict[str, str]:
    """Read the versions and devices that the last start logged, e.g. ``{"PyTorch": "2.13"}``."""
    found: dict[str, str] = {}
    for file in [file for start in starts(work_dir)[-1:] for file in sorted(start.glob("*.log"))]:
        with file.open(encoding="utf-8", errors="replace") as stream:
            for _, line in zip(range(80), stream, strict=False):
                name, _, value = line.strip().partition(": ")
                if name in _MACHINE or re.fullmatch(r"GPU [\d,]+", name):
                    found[name] = value.split(" (")[0]
    return found
