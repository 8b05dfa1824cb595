# SPDX-License-Identifier: Apache-2.0
"""Several processes: how they begin, wait for the first, agree, and end."""

import io
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import get_dist_info, init_dist
from mmengine.model import MMDistributedDataParallel
from torch import distributed, nn
from torch.distributed import distributed_c10d
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from rankseg.models.layers import convert_sync_batch_norm

TIMEOUT = 1800  # seconds; the main process may work that long alone, on a neighbour graph say
PATIENCE = timedelta(days=1)  # while the main process checks every file of a data set
WRITING = 600  # for a last checkpoint, on a slow disk
LAUNCH = (
    "python -m torch.distributed.run --nproc_per_node=2 tools/train.py CONFIG --launcher pytorch"
)
# what gloo and NCCL say when the process at the other end is gone
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process")
LATE = ("Timed out", "operation timeout")
_WRITTEN = "rankseg/written"

_waiting: distributed.ProcessGroup | None = None  # on CPUs, with patience


class CPUDataParallel(MMDistributedDataParallel):
    """mmengine's wrapper of a method for processes without a GPU.

    Args:
        module: The method.
        sync_bn: Normalise by the batches of all processes together.
        **kwargs: Of torch's ``DistributedDataParallel``.
    """

    def __init__(self, module: nn.Module, sync_bn: bool = True, **kwargs) -> None:
        module = convert_sync_batch_norm(module) if sync_bn else module
        super().__init__(module, broadcast_buffers=False, **kwargs)


def start_processes(cfg: Config) -> None:
    """Make this process one of those that ``cfg.launcher`` has started; once is enough.

    Processes wait for each other for ``env_cfg.dist_cfg.timeout`` seconds at the most, half an hour
    by default. That is for one that hangs; one that ends is noticed at once.

    Raises:
        ValueError: If launcher and surroundings do not fit each other, the port is in use, or not
            all processes came.
    """
    launcher = cfg.get("launcher", "none")
    if distributed.is_initialized():
        return
    if launcher == "none":
        _refuse_forgotten_launcher()
        return
    if launcher == "pytorch" and not {"RANK", "WORLD_SIZE"} <= set(os.environ):
        raise ValueError(
            f"--launcher pytorch was given, but no launcher has started this: {LAUNCH}"
        )
    options = dict((cfg.get("env_cfg") or {}).get("dist_cfg") or {})
    seconds = options.setdefault("timeout", TIMEOUT)
    try:
        if torch.cuda.is_available():
            _check_gpus()
            init_dist(launcher, **options)
        elif launcher == "pytorch":  # mmengine would ask for a GPU
            distributed.init_process_group("gloo", timeout=timedelta(seconds=seconds))
        else:
            raise ValueError(
                f"--launcher {launcher} works with GPUs, and there is none: without, use {LAUNCH}"
            )
    except RuntimeError as error:
        raise _no_start(error, seconds) from error
    global _waiting
    _waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)


def _refuse_forgotten_launcher() -> None:
    """Refuse to have each of several processes write one and the same run."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and "TORCHELASTIC_RUN_ID" in os.environ:
        raise ValueError(
            f"torchrun has started {world} processes, which without --launcher pytorch know "
            "nothing of each other and would all write the same run: add --launcher pytorch"
        )


def _check_gpus() -> None:
    """Refuse more processes than GPUs."""
    number, gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if number >= gpus:
        raise ValueError(
            f"process {number} has no GPU of its own, this machine has {gpus}: start {gpus} "
            "processes, or hide the GPUs by CUDA_VISIBLE_DEVICES=-1 to work on the CPU"
        )


def _no_start(error: RuntimeError, seconds: float) -> Exception:
    """One sentence on why the processes did not find each other, where that is known."""
    place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    if "EADDRINUSE" in str(error):
        return ValueError(
            f"the port of {place} is in use, perhaps by another training: set MASTER_PORT to "
            "another one, or let tools/dist_train.sh find one"
        )
    if any(sign in str(error) for sign in LATE):
        return ValueError(
            f"not all of {os.environ.get('WORLD_SIZE')} processes came to {place} within "
            f"{seconds} seconds: did one end, or start with another MASTER_ADDR or MASTER_PORT?"
        )
    return error


def wrap_for_cpus(model: nn.Module, cfg: Config) -> CPUDataParallel:
    """The method as one of several processes trains it without a GPU.

    Args:
        model: The method.
        cfg: Its config; ``sync_bn=None`` lets every process normalise by its own batch.
    """
    return CPUDataParallel(
        model,
        sync_bn=cfg.get("sync_bn") is not None,
        find_unused_parameters=cfg.get("find_unused_parameters", False),
    )


def any_process(flag: bool) -> bool:
    """Whether any process says yes; all have to ask."""
    if get_dist_info()[1] == 1:
        return flag
    answer = torch.tensor(int(flag))
    distributed.all_reduce(answer, distributed.ReduceOp.MAX, group=_waiting)
    return bool(answer)


def wait_for_main(seconds: float = WRITING) -> None:
    """Leave together: the main process, which writes for all, has come here before others go on.

    A launcher ends all when the first has left, also one that is in the middle of a checkpoint.

    Args:
        seconds: For so long it is waited for; if it is gone, mostly less.
    """
    rank, world = get_dist_info()
    if world == 1:
        return
    store = distributed_c10d._get_default_store()
    with suppress(RuntimeError):  # late, or gone with the store
        if rank == 0:
            store.set(_WRITTEN, "yes")
        else:
            store.wait([_WRITTEN], timedelta(seconds=seconds))


@contextmanager
def main_first() -> Iterator[None]:
    """Run a block in the main process, then in the others, which then print nothing.

    What the main one finds in a shared file system (a cache, a mistake) is there for the others. If
    it fails, they end without a word: it has said why.
    """
    rank, world = get_dist_info()
    if world == 1:
        yield
    elif rank == 0:
        failed = True
        try:
            yield
            failed = False
        finally:
            any_process(failed)
    else:
        if any_process(False):
            raise SystemExit(2)
        with redirect_stdout(io.StringIO()):
            yield


@contextmanager
def ending_together() -> Iterator[None]:
    """Have a process that fails say so with its number, and one that is left alone say that.

    The launcher then ends the others: none of them waits for the timeout. In one process nothing
    is changed.

    Raises:
        SystemExit: With status 1, in place of the exception.
    """
    try:
        yield
    except Exception as error:
        rank, world = get_dist_info()
        if world == 1:
            raise
        sys.stdout.flush()
        me = f"process {rank} of {world}"
        if _is_lost(error):
            print(
                f"{me} stops, because another one has ended: its message is the reason. Add "
                "--resume to go on from the newest checkpoint",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(1)  # so that the launcher sees the other one first and names that
        else:
            traceback.print_exc()
            hint = _hint(error)
            print(
                f"{me} failed: {type(error).__name__}: {error}{hint}", file=sys.stderr, flush=True
            )
            get_error_handler().record_exception(error)  # torchrun shows it in its summary
        raise SystemExit(1) from None
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _is_lost(error: Exception) -> bool:
    """Whether processes cannot speak to each other any more.

    An ``OSError`` is of a file or of another connection, and data are loaded by processes of their
    own.
    """
    text = str(error).lower()
    found = any(sign.lower() in text for sign in LOST)
    return isinstance(error, RuntimeError) and found and "dataloader" not in text


def _hint(error: Exception) -> str:
    """The cure, where waiting for others has taken too long."""
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in LATE):
        return (
            "\nanother process hangs or is slower than env_cfg.dist_cfg.timeout, by default "
            f"{TIMEOUT} seconds: --cfg-options env_cfg.dist_cfg.timeout=SECONDS changes it"
        )
    return ""
