# SPDX-License-Identifier: Apache-2.0
"""Run a function of a test in several processes."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, multiprocessing

WAIT = timedelta(minutes=2)


def run_processes(world: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Call ``function(*args)`` in forked processes of one process group; collect the return values.

    ``mmengine.dist`` returns the rank. The exception of the first process that fails is raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.start_processes(
            _run, (world, folder, function, args), nprocs=world, start_method="fork"
        )
        return [torch.load(f"{folder}/{rank}.pt", weights_only=False) for rank in range(world)]


def _run(rank: int, world: int, folder: str, function: Callable[..., Any], args: tuple) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    distributed.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=world, timeout=WAIT
    )
    torch.save(function(*args), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()
