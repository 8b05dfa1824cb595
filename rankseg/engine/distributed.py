# SPDX-License-Identifier: Apache-2.0
"""Several processes: how they begin, wait for the first, agree, and end."""

import io
import os
import sys
import threading
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
SILENCE = 10  # seconds; then a process says what it waits for
WRITING = 600  # for a last checkpoint, on a slow disk
LAUNCH = (
    "python -m torch.distributed.run --nproc_per_node=2 tools/train.py CONFIG --launcher pytorch"
)
# what gloo and NCCL say when the process at the other end is gone
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process")
LATE = ("Timed out", "operation timeout")
SURROUNDINGS = {  # environment variables by launcher
    "pytorch": ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NODELIST"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}
TEXTS = ("MASTER_ADDR", "SLURM_NODELIST")  # of those; the others are whole numbers
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
    if launcher == "pytorch" or torch.cuda.is_available():
        _check_surroundings(launcher)
    options = dict((cfg.get("env_cfg") or {}).get("dist_cfg") or {})
    seconds = options.setdefault("timeout", TIMEOUT)
    told = threading.Timer(SILENCE, _tell_waiting, (seconds,))
    told.daemon = True
    told.start()
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
    finally:
        told.cancel()
    global _waiting
    _waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)


def _refuse_forgotten_launcher() -> None:
    """Refuse to have each of several processes write one and the same run."""
    given = os.environ.get("WORLD_SIZE", "")
    world = int(given) if given.isdecimal() else 1
    if world > 1 and "TORCHELASTIC_RUN_ID" in os.environ:
        raise ValueError(
            f"torchrun has started {world} processes, which without --launcher pytorch know "
            "nothing of each other and would all write the same run: add --launcher pytorch"
        )


def _check_surroundings(launcher: str) -> None:
    """Refuse environment variables with which a process would wait for others in vain.

    Raises:
        ValueError: Naming the variable, what it is and what is expected.
    """
    needed = SURROUNDINGS[launcher]
    cure = (
        f"Start the processes with {LAUNCH}"
        if launcher == "pytorch"
        else f"Start the processes with {'srun' if launcher == 'slurm' else 'mpirun'}"
    )
    cure += ", or leave out --launcher to train in one process"
    gone = [name for name in needed if not os.environ.get(name)]
    if gone:
        raise ValueError(
            f"Expected --launcher {launcher} to find {', '.join(needed)} in the environment, "
            f"but it has no {' and no '.join(gone)}. {cure}"
        )
    for name in (*needed, "LOCAL_RANK"):
        if name not in TEXTS and not os.environ.get(name, "0").isdecimal():
            raise ValueError(
                f"Expected {name} in the environment to be a whole number, but got "
                f"{os.environ[name]!r}. {cure}"
            )
    rank, world = needed[:2]
    if int(os.environ[rank]) >= int(os.environ[world]):
        raise ValueError(
            f"Expected {rank} in the environment to be below {world}={os.environ[world]}, the "
            f"number of processes, but got {rank}={os.environ[rank]}. {cure}"
        )
    if int(os.environ.get("MASTER_PORT") or 0) > 65535:
        raise ValueError(
            f"Expected MASTER_PORT to be 65535 or less, but got {os.environ['MASTER_PORT']}. {cure}"
        )
    if launcher == "pytorch" and torch.cuda.is_available() and "LOCAL_RANK" not in os.environ:
        raise ValueError(
            "Expected LOCAL_RANK in the environment to be the number of this process on its "
            f"machine, which chooses its GPU, but it is not set. {cure}"
        )


def _tell_waiting(seconds: float) -> None:
    """Say that this process waits for others."""
    rank, world, place = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))
    print(
        f"process {rank} of {world} waits for the others at {place}:{os.environ.get('MASTER_PORT')}"
        f", for {seconds} seconds at the most",
        file=sys.stderr,
        flush=True,
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
