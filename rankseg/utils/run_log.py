# SPDX-License-Identifier: Apache-2.0
"""What the logs of a run say: its numbers over the iterations, its warnings, its machine."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rankseg.utils.run_summary import is_iteration, is_number

Points = list[tuple[int, float]]
Series = dict[str, Points]

_NO_RESULT = ("iter", "step", "time", "data_time", "memory", "epoch")
MAIN = ("fgIoU", "mIoU", "top1", "recall1")  # of rare foreground, masks, classes, retrieval
PSEUDO = "pseudo_labels/"  # such numbers are not of a validation, though logged without "iter"
_LINE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - \S+ - (\w+) - (.*)")
_OTHERS = ("FileClient", "HardDiskBackend", "prefix is not set", "will be deprecated")
"""Words of warnings that libraries give on every run and that ask nothing of the user."""
_MACHINE = ("Python", "PyTorch", "MMEngine", "OpenCV")


class Scalars(NamedTuple):
    """Numbers by name, each as ``(iteration, value)`` in the order of iterations.

    Attributes:
        train: Losses, learning rate, whatever else a method logs.
        val: Metrics of validations.
    """

    train: Series
    val: Series


def main_metric(names: Mapping) -> str | None:
    """The number by which a run is judged: fgIoU, mIoU, top-1 or Recall@1; None without any."""
    return next((name for name in MAIN if name in names), None)


def starts(work_dir: str | Path) -> list[Path]:
    """Folders that the starts of a run logged to, the first one first."""
    return sorted(path.parent for path in Path(work_dir).glob("*/vis_data"))


def read_scalars(work_dir: str | Path) -> Scalars:
    """Numbers of a run, put together from all its starts.

    Where a later start begins, what an earlier one logged from there on is dropped: that is so of
    a resumed run, and of one that was begun anew in the same folder. A damaged line is left out.
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
                except (ValueError, RecursionError):  # the process was killed while it wrote
                    continue
                if isinstance(entry, dict) and is_iteration(entry.get("step")):
                    yield entry
    except OSError:
        return


def read_warnings(work_dir: str | Path) -> dict[str, int]:
    """Warnings and errors of all starts with how often each came, the first one first.

    Those that differ in numbers only count as one and are shown as they came last.
    """
    found: dict[str, tuple[str, int]] = {}
    for level, text in _lines(work_dir):
        if level in ("WARNING", "ERROR", "CRITICAL") and not any(word in text for word in _OTHERS):
            key = re.sub(r"\d+(\.\d+)?", "#", text)
            found[key] = text, found.get(key, ("", 0))[1] + 1
    return dict(found.values())


def _lines(work_dir: str | Path) -> Iterator[tuple[str, str]]:
    """Level and text of the first line of every message."""
    for start in starts(work_dir):
        for file in sorted(start.glob("*.log")):
            with file.open(encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    if match := _LINE.match(line):
                        yield match[1], match[2].strip()


def read_machine(work_dir: str | Path) -> dict[str, str]:
    """Versions and devices that the last start of a run logged, such as ``{"PyTorch": "2.13"}``."""
    found: dict[str, str] = {}
    for file in [file for start in starts(work_dir)[-1:] for file in sorted(start.glob("*.log"))]:
        with file.open(encoding="utf-8", errors="replace") as stream:
            for _, line in zip(range(80), stream, strict=False):
                name, _, value = line.strip().partition(": ")
                if name in _MACHINE or re.fullmatch(r"GPU [\d,]+", name):
                    found[name] = value.split(" (")[0]
    return found
