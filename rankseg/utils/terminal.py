# SPDX-License-Identifier: Apache-2.0
"""Quiet terminal: short lines for the user, while the log file gets every message."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import Progress

from rankseg.utils.progress import status_bar
from rankseg.utils.safe_text import printable

SHOWN = "rankseg_shown"
"""Attribute of log records that a quiet terminal shows as well."""
LIBRARIES = {"mmcv", "mmdet", "mmengine", "mmpretrain", "mmseg", "timm", "torch", "torchvision"}
"""Packages whose warnings a user cannot act on; they go to the log file."""
_SKIPPED = ("logging", "mmengine.logging", __name__)

_current: ContextVar["Terminal | bool | None"] = ContextVar("terminal", default=None)


class Terminal:
    """Console that hides log messages and shows chosen lines and a progress bar instead.

    Messages logged before the log file exists are stored, and written to it once it does. The bar
    is drawn only on a terminal, without a thread, so that data loader workers can be forked at any
    time.

    Attributes:
        console: Console on standard output.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._process = os.getpid()
        self._early: list[logging.LogRecord] | None = []
        self._handlers: dict[MMLogger, _TerminalHandler] = {}
        self._bar: Progress | None = None

    @property
    def has_bar(self) -> bool:
        """Whether a progress bar can be drawn."""
        return self.console.is_terminal and is_main_process()  # known once processes are started

    def show(self, text: str = "") -> None:
        """Show lines on the terminal, above the bar. Only the main process shows them."""
        if not is_main_process():
            return
        if os.getpid() != self._process:  # a worker process has no access to the bar
            print(text, file=sys.stderr, flush=True)
            return
        text = printable(text, keep="\n")
        self.console.print(text, markup=False, soft_wrap=True, emoji=False)
        self.console.file.flush()

    def progress(self, what: str, done: float, total: float, status: str = "") -> None:
        """Update the bar, which appears with the first call; do nothing without a terminal."""
        if not self.has_bar:
            return
        if self._bar is None:
            plain = dict(redirect_stdout=False, redirect_stderr=False)
            self._bar = status_bar(self.console, transient=True, **plain)
            self._bar.start()
            self._bar.add_task(what, total=total, status=status)
        task = self._bar.task_ids[0]
        self._bar.update(task, description=what, completed=done, total=total, status=status)
        self._bar.refresh()

    def end_progress(self) -> None:
        """Remove the bar, if there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def attach(self, logger: MMLogger) -> None:
        """Hide the messages of a logger, and write the stored ones to its log file, if any."""
        if logger in self._handlers:
            return
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_hide)
        files = [one for one in logger.handlers if isinstance(one, logging.FileHandler)]
        self._handlers[logger] = _TerminalHandler(self)
        logger.handlers.append(self._handlers[logger])
        if files and len(self._handlers) > 1 and self._early is not None:
            for record in self._early:
                for handler in files:
                    if record.levelno >= handler.level:
                        handler.handle(record)
            self._early = None

    def keep(self, record: logging.LogRecord) -> None:
        """Store a message until there is a log file."""
        if self._early is not None:
            self._early.append(record)

    def close(self) -> None:
        """Remove the bar, and let loggers write to the terminal again."""
        self.end_progress()
        for logger, own in self._handlers.items():
            logger.handlers = [one for one in logger.handlers if one is not own]
            for handler in logger.handlers:
                handler.removeFilter(_hide)
        self._handlers.clear()


class _TerminalHandler(logging.Handler):
    """Handler that shows errors, warnings that a user can act on, and chosen messages."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self.terminal = terminal
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.terminal.keep(record)
        chosen = getattr(record, SHOWN, False)
        if not (chosen or (record.levelno >= logging.WARNING and _is_for_user(record))):
            return
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
            if text in self._seen:
                return
            self._seen.add(text)
        if record.levelno >= logging.ERROR and not is_main_process():
            print(text, file=sys.stderr, flush=True)
        else:
            self.terminal.show(text)


def _hide(record: logging.LogRecord) -> bool:
    return False


def _is_for_user(record: logging.LogRecord) -> bool:
    """Return whether a warning is an error, or from this package or the user's own code."""
    if record.levelno >= logging.ERROR:
        return True
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if not name.startswith(_SKIPPED):
            return name.split(".")[0] not in LIBRARIES
        frame = frame.f_back
    return True


@contextmanager
def quiet_terminal(verbose: bool = False) -> Iterator[Terminal | None]:
    """Keep log messages off the terminal in this context; another one inside it changes nothing.

    Yield the terminal, or None if log messages are shown.
    """
    outer = _current.get()
    if outer is not None:
        yield current_terminal()
        return
    terminal = None if verbose else Terminal()
    token = _current.set(terminal or True)
    try:
        if terminal is None:
            yield None
            return
        terminal.attach(MMLogger.get_current_instance())
        with _warnings_in_log():
            yield terminal
    finally:
        if terminal is not None:
            terminal.close()
        _current.reset(token)


def current_terminal() -> Terminal | None:
    """Return the terminal of :func:`quiet_terminal`, or None outside of it or if verbose."""
    found = _current.get()
    return found if isinstance(found, Terminal) else None


def notify(text: str, level: int = logging.INFO) -> None:
    """Log a message that a quiet terminal shows as well."""
    MMLogger.get_current_instance().log(level, text, extra={SHOWN: True})


@contextmanager
def _warnings_in_log() -> Iterator[None]:
    """Write the ``warnings`` of installed packages to the log instead of standard error."""
    before = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        if {"site-packages", "dist-packages"} & {*Path(filename).parts}:
            text = f"{category.__name__} of {filename}:{lineno}: {message}"
            MMLogger.get_current_instance().info(text)
        else:
            before(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        if warnings.showwarning is show:
            warnings.showwarning = before
