# SPDX-License-Identifier: Apache-2.0
"""Distributed training: startup, synchronization and shutdown of processes."""

import atexit
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

from rankseg.engine.lost_processes import ProcessWatch
from rankseg.engine.slurm import take_from_slurm
from rankseg.errors import expect
from rankseg.models.layers import convert_sync_batch_norm
from rankseg.models.layers.batch_norm import SYNC_BATCH_NORMS

TIMEOUT = 1800  # seconds; the main process may work alone that long, e.g. on a neighbor graph
PATIENCE = timedelta(days=1)  # longest wait while the main process checks every file
SILENCE = 10  # seconds until a process reports what it waits for
WRITING = 600  # seconds to wait for a final checkpoint on a slow disk
LAUNCH = (
    "python -m torch.distributed.run --nproc_per_node=2 tools/train.py CONFIG --launcher pytorch"
)
# substrings of gloo and NCCL errors raised when the peer process is gone
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process")
LATE = ("Timed out", "operation timeout")
ENVIRONMENT = {  # environment variables by launcher
    "pytorch": ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NODELIST"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}
TEXTS = ("MASTER_ADDR", "SLURM_NODELIST")  # text variables; all others are integers
_WRITTEN = "rankseg/written"

_waiting: distributed.ProcessGroup | None = None  # gloo group with timeout PATIENCE
_watch: ProcessWatch | None = None


class CPUDataParallel(MMDistributedDataParallel):
    """Distributed wrapper of a method for processes without a GPU.

    Args:
        module: The method.
        **kwargs: Arguments of PyTorch's ``DistributedDataParallel``.
    """

    def __init__(self, module: nn.Module, **kwargs) -> None:
        super().__init__(module, broadcast_buffers=False, **kwargs)


def start_processes(cfg: Config) -> None:
    """Join the process group that ``cfg.launcher`` has started; do nothing if already joined.

    Processes wait for each other for at most ``env_cfg.dist_cfg.timeout`` seconds, half an hour by
    default. The timeout catches processes that hang. A process that ends is noticed at once.
    """
    launcher = cfg.get("launcher", "none")
    if distributed.is_initialized():
        return
    if launcher == "none":
        _refuse_forgotten_launcher()
        return
    if launcher == "pytorch" and not {"RANK", "WORLD_SIZE"} <= set(os.environ):
        raise ValueError(
            "Expected torchrun to have started this process for --launcher pytorch, but it was "
            f"started directly. Run {LAUNCH}"
        )
    if launcher in ("pytorch", "slurm") or torch.cuda.is_available():
        _check_environment(launcher)
    if launcher == "slurm":
        take_from_slurm()
        launcher = "pytorch"
    options = dict((cfg.get("env_cfg") or {}).get("dist_cfg") or {})
    seconds = options.setdefault("timeout", TIMEOUT)
    reminder = threading.Timer(SILENCE, _print_waiting, (seconds,))
    reminder.daemon = True
    reminder.start()
    try:
        if torch.cuda.is_available():
            _check_gpus()
            init_dist(launcher, **options)
        elif launcher == "pytorch":  # mmengine would ask for a GPU
            distributed.init_process_group("gloo", timeout=timedelta(seconds=seconds))
        else:
            raise ValueError(
                f"Expected a GPU for --launcher {launcher}, but there is none. Without a GPU, run "
                f"{LAUNCH}"
            )
    except RuntimeError as error:
        raise _no_start(error, seconds) from error
    finally:
        reminder.cancel()
    global _waiting, _watch
    _waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)
    rank, world = get_dist_info()
    if world > 1:
        _watch = ProcessWatch(distributed_c10d._get_default_store().clone(), rank, world)
        _watch.start()
        atexit.register(_watch.leave)  # scripts may go on in one process and end in the others


def _refuse_forgotten_launcher() -> None:
    """Raise ``ValueError`` if torchrun started several processes but ``--launcher`` is missing."""
    given = os.environ.get("WORLD_SIZE", "")
    world = int(given) if given.isdecimal() else 1
    if world > 1 and "TORCHELASTIC_RUN_ID" in os.environ:
        raise ValueError(
            f"Expected --launcher pytorch, as torchrun has started {world} processes, which would "
            "otherwise all write the same run. Add --launcher pytorch."
        )


def _check_environment(launcher: str) -> None:
    """Check the environment variables, which would otherwise make a process wait in vain."""
    needed = ENVIRONMENT[launcher]
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


def _print_waiting(seconds: float) -> None:
    """Print that this process waits for others."""
    rank, world, place = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))
    print(
        f"Process {rank} of {world} waits for the others at "
        f"{place}:{os.environ.get('MASTER_PORT')} for up to {seconds} seconds",
        file=sys.stderr,
        flush=True,
    )


def _check_gpus() -> None:
    """Raise ``ValueError`` if there are more processes than GPUs."""
    number, gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if number >= gpus:
        raise ValueError(
            f"Expected a GPU for each process, but this machine has {gpus} and this is process "
            f"{number}. Start {gpus} processes, or set CUDA_VISIBLE_DEVICES=-1 to train on CPUs."
        )


def _no_start(error: RuntimeError, seconds: float) -> Exception:
    """Return an error that explains why the processes did not connect, if the cause is known."""
    place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    if "EADDRINUSE" in str(error):
        return ValueError(
            f"Expected the port of {place} to be free, but it is in use, perhaps by another run. "
            "Set MASTER_PORT to another port, or use tools/dist_train.sh, which finds one."
        )
    if any(sign in str(error) for sign in LATE):
        return ValueError(
            f"Expected {os.environ.get('WORLD_SIZE')} processes to connect to {place} within "
            f"{seconds} seconds, but not all did. Check whether one ended, or started with another "
            "MASTER_ADDR or MASTER_PORT."
        )
    return error


def synchronize_batch_norm(model: nn.Module, cfg: Config) -> nn.Module:
    """Let batch norm use the statistics of all processes, as ``cfg.sync_bn`` says.

    ``"torch"`` takes PyTorch's layer on GPUs and ours on CPUs, where PyTorch has none.
    ``"rankseg"`` takes ours on any device. With None each process normalizes by its own batch.
    """
    kind, known = cfg.get("sync_bn"), (*SYNC_BATCH_NORMS, None)
    expect(kind in known, "sync_bn", f"one of {known}", kind)
    if kind is None:
        return model
    return convert_sync_batch_norm(model, kind if torch.cuda.is_available() else "rankseg")


def wrap_for_cpus(model: nn.Module, cfg: Config) -> CPUDataParallel:
    """Wrap a method for distributed training without a GPU."""
    unused = cfg.get("find_unused_parameters", False)
    return CPUDataParallel(synchronize_batch_norm(model, cfg), find_unused_parameters=unused)


def any_process(flag: bool) -> bool:
    """Return True if the flag is set in any process; all processes must call this."""
    if get_dist_info()[1] == 1:
        return flag
    answer = torch.tensor(int(flag))
    distributed.all_reduce(answer, distributed.ReduceOp.MAX, group=_waiting)
    return bool(answer)


def another_is_lost() -> bool:
    """Return whether another process has ended, or has given no sign of life for some seconds."""
    return _watch is not None and _watch.is_lost()


def stop_watching() -> None:
    """Stop to watch the other processes, because this one waits for none of them any more."""
    if _watch is not None:
        _watch.leave()


def wait_for_main(seconds: float = WRITING) -> None:
    """Wait until the main process, which writes files, has reached this call, or is gone.

    A launcher kills all processes when the first one exits, even one that is writing a checkpoint.
    """
    rank, world = get_dist_info()
    if world == 1:
        return
    store = distributed_c10d._get_default_store()
    with suppress(RuntimeError):  # timed out, or the store is gone
        if rank == 0:
            store.set(_WRITTEN, "yes")
        else:
            store.wait([_WRITTEN], timedelta(seconds=seconds))


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run a block in the main process first, then in the others with stdout suppressed.

    The other processes can then use caches that the main process wrote to a shared file system. If
    the main process fails, the others exit silently because it has reported the error.
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
def propagate_failure() -> Iterator[None]:
    """Report which process failed, or that this one stops because another one ended.

    The launcher then ends the others, so none waits for the timeout. With a single process, this
    context manager has no effect.

    Raises:
        SystemExit: With status 1, instead of the exception.
    """
    failed = True
    try:
        yield
        failed = False
    except Exception as error:
        rank, world = get_dist_info()
        if world == 1:
            raise
        sys.stdout.flush()
        me = f"process {rank} of {world}"
        if _is_lost(error):
            print(
                f"{me} stops, because another process has ended. See its message for the reason. "
                "Add --resume to continue from the newest checkpoint",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(1)  # let the launcher notice and name the failed process first
        else:
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}{_timeout_cure(error)}"
            print(f"{me} failed: {text}", file=sys.stderr, flush=True)
            get_error_handler().record_exception(error)  # torchrun shows it in its summary
        raise SystemExit(1) from None
    except SystemExit as ended:
        failed = ended.code in (1, 2)  # otherwise a signal stopped all processes
        raise
    finally:
        if _watch is not None:
            _watch.fail() if failed else _watch.leave()
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _is_lost(error: Exception) -> bool:
    """Check that an error means a lost connection to another training process.

    An ``OSError`` concerns a file or another connection, and data loader workers are separate
    processes, so neither counts.
    """
    text = str(error).lower()
    found = any(sign.lower() in text for sign in LOST)
    return isinstance(error, RuntimeError) and found and "dataloader" not in text


def _timeout_cure(error: Exception) -> str:
    """Return the cure if waiting for other processes timed out, else an empty string."""
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in LATE):
        return (
            "\nAnother process hangs or is slower than env_cfg.dist_cfg.timeout, by default "
            f"{TIMEOUT} seconds. Set --cfg-options env_cfg.dist_cfg.timeout=SECONDS to change it"
        )
    return ""
