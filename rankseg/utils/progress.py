# SPDX-License-Identifier: Apache-2.0
"""Progress of long work with the remaining time: a bar on a terminal, otherwise log lines."""

import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

import rich.progress
from mmengine.logging import print_log
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

INTERVAL = 10.0  # seconds between log lines

Item = TypeVar("Item")


class Progress:
    """Progress display of one piece of work, used as a context manager.

    On a terminal it shows a bar on standard error. Otherwise it prints a line to standard error
    every ten seconds.

    Args:
        what: Name of the work, such as ``"checking images"``.
        total: Amount of work, in any unit.
        logger: Logger for the lines, such as ``"current"`` for the log of the run. With a logger no
            bar is shown.

    Example:
        >>> with Progress("predicting", total=3) as progress:
        ...     for done in range(1, 4):
        ...         progress.update(done)
    """

    def __init__(self, what: str, total: float, logger: str | None = None) -> None:
        self.what, self.total, self.logger = what, total, logger
        self._start = self._last_line = 0.0
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> "Progress":
        self._start = self._last_line = time.monotonic()
        console = Console(stderr=True)
        if self.logger is None and self.total and console.is_terminal:
            status, task = TextColumn("{task.fields[status]}"), TextColumn("{task.description}")
            columns = [task, BarColumn(), status, TimeElapsedColumn(), TimeRemainingColumn()]
            self._bar = rich.progress.Progress(*columns, console=console, speed_estimate_period=60)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total, status="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def update(self, done: float, status: str | None = None) -> None:
        """Show that this amount is done, with a status, by default ``DONE of TOTAL``."""
        status = f"{done} of {self.total}" if status is None else status
        if self._bar is not None:
            self._bar.update(self._task, completed=done, status=status)
            return
        now = time.monotonic()
        if 0 < done < self.total and now - self._last_line >= INTERVAL:
            self._last_line = now
            left = duration((now - self._start) * (self.total - done) / done)
            line = f"{self.what}: {status}, {left} left"
            if self.logger is None:
                print(line, file=sys.stderr, flush=True)
            else:
                print_log(line, self.logger)


def status_bar(console: Console, **options: Any) -> rich.progress.Progress:
    """Return a bar with name and status on a console, which is only drawn by ``refresh``."""
    task, status = TextColumn("{task.description}"), TextColumn("{task.fields[status]}")
    columns = task, BarColumn(24), status
    return rich.progress.Progress(*columns, console=console, auto_refresh=False, **options)


def track(
    items: Iterable[Item], what: str, total: int | None = None, logger: str | None = None
) -> Iterator[Item]:
    """Iterate over items and show the progress; see :class:`Progress` for the arguments."""
    if total is None:
        total = len(items) if isinstance(items, Collection) else 0
    with Progress(what, total, logger) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress.update(done)


def duration(seconds: float) -> str:
    """Format an approximate duration: ``40 s``, ``12 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
