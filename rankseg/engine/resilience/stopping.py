# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and Ctrl-C: noted when they come, obeyed when an iteration is whole."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import util
from types import FrameType

import torch
from mmengine.dist import all_reduce, get_dist_info, get_world_size
from torch.distributed import distributed_c10d

from rankseg.engine.resilience.data_failures import report_unsent

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TWICE_SECONDS = 1.0  # torchrun passes a Ctrl-C on to processes that have it already
_STOP = "rankseg/stop"


class StopSignals:
    """While entered, SIGTERM and SIGINT are noted in place of ending the process.

    A second SIGINT, at least a second later, raises ``KeyboardInterrupt`` at once. Outside the main
    thread, where Python knows no signals, nothing happens.

    Attributes:
        received: The signal, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._at = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        self._pid = os.getpid()
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return  # a process that loads data: it ends with the one that has started it
        now = time.monotonic()
        if not self.received:
            self.received, self._at = signum, now
            rank, world = get_dist_info()
            if rank == 0:  # not by print, which may be what is interrupted
                when = b"within ten iterations" if world > 1 else b"when this iteration is done"
                os.write(2, b"\nstopping " + when + b"; Ctrl-C again ends at once\n")
        elif signum == signal.SIGINT and now - self._at > TWICE_SECONDS:
            raise KeyboardInterrupt

    def after_iteration(self) -> int:
        """The signal that any process has received, or 0; all processes ask together."""
        if get_world_size() == 1:
            return self.received
        told = torch.tensor(self.received)
        all_reduce(told, op="max")
        self.received = int(told)
        return self.received

    def between(self) -> int:
        """Likewise, where processes are not in step, as in validation: each asks for itself."""
        if get_world_size() == 1:
            return self.received
        store = distributed_c10d._get_default_store()
        try:
            if self.received:
                store.set(_STOP, str(int(self.received)))
            elif store.check([_STOP]):
                self.received = int(store.get(_STOP))
        except RuntimeError:  # the process that keeps the store has left
            self.received = self.received or int(signal.SIGTERM)
        return self.received


def worker_start(workers: int, then: Callable[[int], None] | None = None) -> Callable[[int], None]:
    """The ``worker_init_fn`` of a loader.

    Processes that load data send tensors through sockets in a temporary folder, which each would
    make for itself and leave behind when it is told to end. Here they share one of this process,
    which removes it at its end.

    Args:
        workers: Number of processes of the loader.
        then: What else each does at its start.
    """
    if workers:
        util.get_temp_dir()  # children inherit the name
    return partial(start_worker, then)


def start_worker(then: Callable[[int], None] | None, worker: int) -> None:
    """Start of a process that loads data: signals to the whole group are the main process's affair.

    It goes on loading, so that the iteration can be finished, and ends when the main process says
    so or is gone.

    Args:
        then: What else is to be done at the start.
        worker: Its number.
    """
    report_unsent()
    util.Finalize(None, _remove_orphaned, args=(os.getppid(), util.get_temp_dir()), exitpriority=-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS: a SIGTERM to the group ends loading there
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker)


def _remove_orphaned(parent: int, folder: str) -> None:
    """Remove the temporary folder of a main process that was killed, as the last to leave it."""
    if os.getppid() != parent:
        with suppress(OSError):  # others have their sockets in it, or it is gone
            os.rmdir(folder)


def _obey(sender: int) -> None:
    """End this process on a SIGTERM from one process; those of others are ignored."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != sender:
        pass
    os._exit(0)
