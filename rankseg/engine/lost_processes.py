# SPDX-License-Identifier: Apache-2.0
"""End a process whose main thread waits for a process that is gone.

With gloo, a lost connection is an error in Python at once. With NCCL, the main thread waits inside
a GPU kernel, where it neither gets an error nor handles a signal, until the launcher kills it. The
threads of this module do not need the main thread. They say why the process ends, and end it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from mmengine.dist import get_dist_info
from torch import distributed

BEAT = 5.0
"""Seconds between two signs of life of a process."""
SILENT = 300.0
"""Seconds without a sign of life after which a process is lost."""
GRACE = 20.0
"""Seconds that the main thread has to react; launchers kill a process 30 seconds after SIGTERM."""
ENDED, FAILED = b"ended", b"failed"
CONTINUE = "Add --resume to continue from the newest checkpoint"


def end_now(why: str) -> NoReturn:
    """Print why this process stops, and end it with status 1 without the main thread."""
    rank, world = get_dist_info()
    print(
        f"process {rank} of {world} stops, because {why}. {CONTINUE}", file=sys.stderr, flush=True
    )
    os._exit(1)


class ProcessWatch(threading.Thread):
    """Thread that ends this process if another process of the run is gone or hangs.

    Every process writes a count to the store of the process group, whose only user is this thread,
    every ``beat`` seconds and reads the counts of the others. A process is lost if its count does
    not change for ``silent`` seconds, as after the loss of its machine, or if it has failed and
    this process still waits ``grace`` seconds later.
    """

    def __init__(
        self,
        store: distributed.Store,
        rank: int,
        world: int,
        beat: float = BEAT,
        silent: float = SILENT,
        grace: float = GRACE,
    ) -> None:
        super().__init__(name="rankseg-process-watch", daemon=True)
        self.store = store
        self.rank = rank
        self.others = [other for other in range(world) if other != rank]
        self.beat, self.silent, self.grace = beat, silent, grace
        self._done = threading.Event()
        self._heard: dict[int, tuple[bytes, float]] = {}  # latest count, and since when
        self._answered = time.monotonic()  # when the store answered last

    def run(self) -> None:
        """Write and read counts until :meth:`stop` is called."""
        count = 0
        while not self._done.wait(self.beat):
            count += 1
            try:
                self.store.set(_key(self.rank), str(count))
                found = {other: self._count(other) for other in self.others}
                self._answered = time.monotonic()
            except RuntimeError:  # the process or the launcher that hosts the store is gone
                found = {}
            lost = self.find_lost(found, time.monotonic())
            if lost and not self._done.is_set():
                end_now(lost)

    def _count(self, other: int) -> bytes:
        """Return the latest count of a process, empty before its first."""
        return self.store.get(_key(other)) if self.store.check([_key(other)]) else b""

    def find_lost(self, found: dict[int, bytes], now: float) -> str:
        """Return which process is lost, as a part of a sentence; empty if none is.

        ``found`` has the counts of the other processes, empty if the store did not answer.
        """
        for other, count in found.items():
            if other not in self._heard or self._heard[other][0] != count:
                self._heard[other] = count, now
            last, since = self._heard[other]
            if last == FAILED and now - since > self.grace:
                return f"another process has ended: process {other}. See its message for the reason"
            if last not in (FAILED, ENDED) and now - since > self.silent:
                return f"process {other} has given no sign of life for {self.silent:.0f} seconds"
        if now - self._answered > self.silent:
            return f"the launcher or process 0 has not answered for {self.silent:.0f} seconds"
        return ""

    def is_lost(self, seconds: float = 3 * BEAT) -> bool:
        """Return whether another process has ended, or has been silent for some seconds."""
        now = time.monotonic()
        heard = list(self._heard.values())
        ended = any(count in (FAILED, ENDED) for count, _ in heard)
        return ended or now - min([self._answered, *(since for _, since in heard)]) > seconds

    def leave(self) -> None:
        """Stop to watch, because this process waits for no other one from here on."""
        self._end(ENDED)

    def fail(self) -> None:
        """Stop to watch, and let the others know that they wait for this process in vain."""
        self._end(FAILED)

    def _end(self, mark: bytes) -> None:
        if self._done.is_set():
            return
        self._done.set()
        self.join(timeout=1)  # longer only if the store does not answer
        if not self.is_alive():
            with suppress(RuntimeError):  # the store is gone, and with it those who would read it
                self.store.set(_key(self.rank), mark)


def _key(rank: int) -> str:
    return f"rankseg/alive/{rank}"


class SignalWatch:
    """Ends the process if its main thread does not handle SIGTERM, as it waits for a lost process.

    Python handles signals in the main thread, between two operations of the interpreter. The
    interpreter also writes the signal to a pipe at once, which a thread reads. While all other
    processes are alive, the main thread may be busy with long work, and has all the time it needs.
    Otherwise it has ``grace`` seconds.
    """

    def __init__(self, lost: Callable[[], bool], grace: float = GRACE, beat: float = BEAT) -> None:
        self.lost, self.grace, self.beat = lost, grace, beat
        self._handled = threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, name="rankseg-signal-watch", daemon=True).start()

    def handled(self) -> None:
        """Note that the main thread handles a signal."""
        self._handled.set()

    def close(self) -> None:
        """Stop to watch; called in the main thread."""
        signal.set_wakeup_fd(self._before)
        self._handled.set()
        os.close(self._write)  # ends the thread

    def _wait(self) -> None:
        while signals := os.read(self._read, 64):
            if signal.SIGTERM not in signals or self._handled.wait(self.grace):
                continue
            while not self._handled.is_set():
                if self.lost():
                    end_now(
                        "another process has ended, and this one did not react to a signal within "
                        f"{self.grace:.0f} seconds. See the message of the other one for the reason"
                    )
                self._handled.wait(self.beat)
        os.close(self._read)
