# SPDX-License-Identifier: Apache-2.0
"""Signal handling: SIGTERM and Ctrl-C take effect after the current iteration."""

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

from rankseg.engine.distributed import another_is_lost
from rankseg.engine.lost_processes import SignalWatch
from rankseg.engine.resilience.data_failures import report_unsent

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TWICE_SECONDS = 1.0  # torchrun forwards Ctrl-C to processes that already received it
_STOP = "rankseg/stop"


class StopSignals:
    """Context manager that records SIGTERM and SIGINT instead of ending the process.

    A second SIGINT, at least one second later, raises ``KeyboardInterrupt`` at once. Outside the
    main thread, where Python handles no signals, the context manager has no effect.

    Attributes:
        received: The signal, or 0 if none was received.
    """

    def __init__(self) -> None:
        self.received = 0
        self._at = 0.0
        self._before: dict[int, object] = {}
        self._watch: SignalWatch | None = None

    def __enter__(self) -> "StopSignals":
        self._pid = os.getpid()
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in SIGNALS}
            if get_world_size() > 1:
                self._watch = SignalWatch(another_is_lost)
        return self

    def __exit__(self, *_) -> None:
        if self._watch is not None:
            self._watch.close()
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return  # a data loader worker, which ends with its parent
        if self._watch is not None:
            self._watch.handled()
        now = time.monotonic()
        if not self.received:
            self.received, self._at = signum, now
            rank, world = get_dist_info()
            if rank == 0:  # not print(), which the signal may have interrupted
                when = b"within ten iterations" if world > 1 else b"after this iteration"
                os.write(2, b"\nStopping " + when + b". Press Ctrl-C again to stop at once.\n")
        elif signum == signal.SIGINT and now - self._at > TWICE_SECONDS:
            raise KeyboardInterrupt

    def after_iteration(self) -> int:
        """Return the signal that any process received, or 0; all processes must call this."""
        if get_world_size() == 1:
            return self.received
        signals = torch.tensor(self.received)
        all_reduce(signals, op="max")
        self.received = int(signals)
        return self.received

    def between(self) -> int:
        """Return the signal that any process received, or 0, without synchronization.

        Validation uses this, because processes do not run in step there.
        """
        if get_world_size() == 1:
            return self.received
        store = distributed_c10d._get_default_store()
        try:
            if self.received:
                store.set(_STOP, str(int(self.received)))
            elif store.check([_STOP]):
                self.received = int(store.get(_STOP))
        except RuntimeError:  # the process that hosts the store has exited
            self.received = self.received or int(signal.SIGTERM)
        return self.received


def worker_start(workers: int, then: Callable[[int], None] | None = None) -> Callable[[int], None]:
    """Return the ``worker_init_fn`` of a data loader.

    Workers send tensors through sockets in a temporary folder. By default each worker creates its
    own folder and leaves it behind when terminated. Here all share a folder of this process, which
    removes it at exit.
    """
    if workers:
        util.get_temp_dir()  # children inherit the name
    return partial(start_worker, then)


def start_worker(then: Callable[[int], None] | None, worker: int) -> None:
    """Initialize a data loader worker that ignores signals sent to the process group.

    The worker continues to load, so that the current iteration can finish. It ends when the main
    process terminates it or is gone.
    """
    report_unsent()
    util.Finalize(None, _remove_orphaned, args=(os.getppid(), util.get_temp_dir()), exitpriority=-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # missing on macOS, where SIGTERM to the group ends workers
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker)


def _remove_orphaned(parent: int, folder: str) -> None:
    """Remove the temporary folder of a killed main process if this worker is the last user."""
    if os.getppid() != parent:
        with suppress(OSError):  # still in use by other workers, or already gone
            os.rmdir(folder)


def _obey(sender: int) -> None:
    """End this process on a SIGTERM from the given process; ignore those of others."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != sender:
        pass
    os._exit(0)
