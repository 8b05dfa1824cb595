# SPDX-License-Identifier: Apache-2.0
"""Progress of a prediction with the remaining time, as a bar or as log lines."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from rankseg.datasets.file_checks import duration

LINE_SECONDS = 10.0


class Progress:
    """Progress counter of images, weighted by pixels so that large images count more."""

    def __init__(self) -> None:
        self.pixels = self.images = self.total = self.count = 0
        self._begun = self._told = 0.0
        self._bar: Bar | None = None
        self._done_before = 0

    @contextmanager
    def over(self, pixels: int, images: int) -> Iterator[None]:
        """Show progress over this amount of work."""
        self.total, self.count = max(1, pixels), images
        self._begun = self._told = time.monotonic()
        console = Console(stderr=True)
        if not console.is_terminal or not images:
            yield
        else:
            columns = [SpinnerColumn(), TextColumn("predicting"), BarColumn()]
            columns += [TextColumn("{task.fields[images]}"), TimeElapsedColumn()]
            columns += [TextColumn("left:"), TimeRemainingColumn()]
            with Bar(*columns, console=console, speed_estimate_period=60) as self._bar:
                self._task = self._bar.add_task("", total=self.total, images=self._counted())
                yield
            self._bar = None

    def advance(self, pixels: int) -> None:
        """Add newly predicted pixels."""
        self.pixels = min(self.total, self.pixels + pixels)
        self._show()

    def done(self, pixels: int) -> None:
        """Count an image of this many pixels as finished, whether predicted or failed."""
        self.images += 1
        self._done_before += pixels
        self.pixels = min(self.total, max(self.pixels, self._done_before))
        self._show()

    def _counted(self) -> str:
        return f"{self.images}/{self.count} image{'s' * (self.count != 1)}"

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=self.pixels, images=self._counted())
            return
        now = time.monotonic()
        if 0 < self.pixels < self.total and now - self._told >= LINE_SECONDS:
            self._told = now
            left = duration((now - self._begun) * (self.total - self.pixels) / self.pixels)
            share = f"{100 * self.pixels / self.total:.0f}%"
            print(f"predicted {self._counted()}, {share}, {left} left", file=sys.stderr, flush=True)
