# SPDX-License-Identifier: Apache-2.0
"""Progress of training runs in other processes, read from what they print."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from rankseg.utils.progress import status_bar

INTERVAL = 20.0  # seconds between lines without a terminal
TAIL = 4096  # bytes at the end of a log to search
_LINE = re.compile(r"^ *([\d,]+) of ([\d,]+)  (\S.*)$", re.M)


class WatchedRuns:
    """Display of the progress of several runs, used as a context manager.

    On a terminal it shows a bar for each run. Otherwise it prints a line every 20 seconds.

    Args:
        logs: Files with the output of the runs, by the names of the runs.
    """

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self.logs = dict(logs)
        self.console = Console(highlight=False)
        self._last = time.monotonic()
        self._bars: Progress | None = None

    def __enter__(self) -> "WatchedRuns":
        if self.console.is_terminal:
            self._bars = status_bar(self.console)
            for name in self.logs:
                self._bars.add_task(name, total=None, status="starting")
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self.update()
            self._bars.stop()

    def update(self) -> None:
        """Read the logs and show the state of the runs."""
        if self._bars is None and time.monotonic() - self._last < INTERVAL:
            return
        self._last = time.monotonic()
        parts = []
        for number, (name, log) in enumerate(self.logs.items()):
            done, total, text = read_progress(log)
            status = f"{done:,} of {total:,}  {text}" if total else "starting"
            parts.append(f"{name}: {status}")
            if self._bars is not None:
                task = self._bars.task_ids[number]
                self._bars.update(task, completed=done, total=total or None, status=status)
        if self._bars is not None:
            self._bars.refresh()
        else:
            print(" | ".join(parts), flush=True)


def read_progress(log: Path) -> tuple[int, int, str]:
    """Read the newest line that :class:`rankseg.engine.hooks.terminal.TerminalHook` printed.

    Returns:
        Completed iterations, all iterations, and the rest of the line; zeros without such a line.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - TAIL))
            found = _LINE.findall(stream.read().decode(errors="replace"))
    except OSError:
        return 0, 0, ""
    if not found:
        return 0, 0, ""
    done, total, text = found[-1]
    return int(done.replace(",", "")), int(total.replace(",", "")), text
