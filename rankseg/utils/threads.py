# SPDX-License-Identifier: Apache-2.0
"""Number of threads that torch computes with on the CPU."""

import logging
import math
import os
from pathlib import Path

import torch
from mmengine.logging import print_log

from rankseg.utils import wait_policy

USER_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "200000 100000": two cores; "max 100000": all


def usable_cores() -> int:
    """Return the number of cores that this process may use, at least 1.

    A container or a job of a cluster may be limited to fewer cores than the machine has.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only available on Linux
        cores = os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, cores)


def limit_threads(logger: str | None = None) -> None:
    """Limit torch to the cores that this process may use, unless the user has set a number.

    The number does not depend on the data loader workers, each of which computes with one thread.
    Threads that wait soon sleep (see :mod:`rankseg.utils.wait_policy`), so a thread for each core
    is faster than fewer threads even if other processes keep all cores busy. Results therefore do
    not depend on the number of workers either. If torch was imported too early for that, warn.
    """
    if not _chosen() and torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())
    note = wait_policy.take_note()
    if note and torch.get_num_threads() > 1:
        print_log(note, logger, level=logging.WARNING)


def log_threads(logger: str | None = None) -> None:
    """Log the number of threads, and the setting that changes it."""
    why = " and ".join(_chosen()) or "set OMP_NUM_THREADS to change this"
    print_log(f"Threads of torch on the CPU: {torch.get_num_threads()} ({why})", logger)


def _chosen() -> list[str]:
    return [f"{name}={os.environ[name]}" for name in USER_SETTINGS if name in os.environ]
