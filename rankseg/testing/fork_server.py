# SPDX-License-Identifier: Apache-2.0
"""A fork server that has everything imported, since it is a fork of the process that needs it."""

import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver, util
from unittest import mock

_start_program = util.spawnv_passfds


def start_fork_server() -> None:
    """Start the fork server of :mod:`multiprocessing` as a fork of this process, if there is none.

    By default it is a new process, whose imports take seconds. Call this before the process starts
    threads, as a fork lacks them.
    """
    with mock.patch.object(util, "spawnv_passfds", _fork):
        multiprocessing.set_forkserver_preload([])
        forkserver.ensure_running()


def _fork(path: bytes, arguments: Sequence[str], files: Sequence[int]) -> int:
    """Fork in place of starting ``python -c CODE``, and run the code in the fork."""
    process = os.fork()
    if process:
        return process
    try:
        util.spawnv_passfds = _start_program
        _leave_parent(files)
        gc.freeze()  # what is imported is no garbage
        exec(arguments[-1], {})
    finally:
        os._exit(0)


def _leave_parent(files: Sequence[int]) -> None:
    """Give up open files, standard streams, log handlers and signal handlers of the parent."""
    faulthandler.disable()
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in map(int, os.listdir("/dev/fd")):
        if file > 2 and file not in (*files, nothing):
            # numbers are not free for other files, which objects of the parent would write to
            with suppress(OSError):  # the one that listed the folder
                os.fstat(file)
                os.dup2(nothing, file)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    logging.getLogger().handlers.clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
