# SPDX-License-Identifier: Apache-2.0
"""Translation of data loading failures into one-sentence errors.

Typical failures are a missing file or data folder, a data loader worker that died, or too little
shared memory. None of them is a bug in the code, and a traceback through the loader does not show
the cure.
"""

import errno
import gc
import multiprocessing.queues
import re
import shutil
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch._utils import ExceptionWrapper
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from rankseg.errors import FileError, RunEnded
from rankseg.utils.config_nodes import nodes

LOADING = (
    "rankseg.datasets",
    "rankseg.imageio",
    "mmengine.dataset",
)  # modules that load data
SHARED = "/dev/shm"
WORKERS = "fewer data loader workers (--cfg-options train_dataloader.num_workers=N, 0 for none)"
NO_SHARED = re.compile(
    r"bus error|out of shared memory|insufficient shared memory|shared memory ?\(shm\)"
    r"|shared memory object|unable to (mmap|resize|write to|open) .*torch_",
    re.IGNORECASE,
)
DEAD = re.compile(r"DataLoader worker \(pid\(?s?\)? ?[\d, ]+\).*|Pin memory thread exited.*")
TOO_MANY = re.compile(r"received 0 items of ancdata|Too many open files")
SYSTEM = re.compile(r"\[Errno \d+\] .+: '.+'")  # an OSError that names a file
IN_WORKER = re.compile(r"^Caught (\w+) in DataLoader worker process")


@contextmanager
def data_failures(cfg: Config | Mapping) -> Iterator[None]:
    """Convert failures of data files or data loader workers to :class:`RunEnded`."""
    try:
        yield
    except (OSError, EOFError, ValueError, RuntimeError, MemoryError) as error:
        sentence = None
        # torch's SIGCHLD handler may report a dead worker at any line, once per loader
        for last in (False, False, True):
            try:
                sentence = explain(error, cfg)
                if sentence is not None:
                    end_workers()
                break
            except RuntimeError:
                if last:
                    raise
        if sentence is None:
            raise
        raise RunEnded(sentence) from error


def end_workers() -> None:
    """Kill the data loader workers of a failed run.

    Workers ignore signals (:func:`rankseg.engine.resilience.stopping.start_worker`), so that a
    stopped run can finish its iteration. A failed run would wait for them.
    """
    # torch keeps no list of loader iterators, so search for them; leave other children alone
    loaders = [
        one for one in gc.get_objects() if issubclass(type(one), _MultiProcessingDataLoaderIter)
    ]
    ours = {worker.pid for loader in loaders for worker in getattr(loader, "_workers", ())}
    workers = [child for child in active_children() if child.pid in ours]
    if not workers or threading.current_thread() is not threading.main_thread():
        return
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else torch raises on the exit
    try:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()
    finally:
        signal.signal(signal.SIGCHLD, handler)


def explain(error: BaseException, cfg: Config | Mapping) -> str | None:
    """Return a sentence that explains a data failure, or None for other errors."""
    text = "\n".join(str(one) for one in _chain(error))
    where = _trace(error)
    loading = "DataLoader" in text or "torch.utils.data" in where
    if isinstance(error, RuntimeError | OSError | EOFError) and loading:
        if NO_SHARED.search(text) or (
            _errno(error) == errno.ENOSPC and "synchronize" in text + where
        ):
            return _shared()
        if TOO_MANY.search(text):
            return (
                "Data loader workers have too many open files. Raise the limit (ulimit -n 65536), "
                f"or use {WORKERS}."
            )
        dead = DEAD.search(text)
        # the worker is unreachable, but torch has not noticed its death yet
        lost = isinstance(error, ConnectionError | EOFError) and "torch.utils.data" in where
        if dead is not None or lost:
            how = type(error).__name__ if dead is None else dead[0].strip().rstrip(".")
            return (
                f"A data loader worker died ({how}), usually because memory ran out. Give the run "
                f"more memory, use {WORKERS}, or set a smaller cache of LoadSample."
            )
        if _errno(error) == errno.ENOMEM:
            return f"There is not enough memory to start data loader workers. Use {WORKERS}."
    sentence = _last_sentence(error)
    if isinstance(error, FileError) or (
        isinstance(error, OSError)
        and (any(name in where for name in LOADING) or _from_loading(text))
        and _names_file(error, sentence)
    ):
        return _about_file(sentence, cfg)
    return None


def _names_file(error: OSError, sentence: str) -> bool:
    """Check that an error concerns a file; errors sent by a worker only keep their text."""
    missing = isinstance(error, FileNotFoundError | PermissionError)
    return missing or error.filename is not None or SYSTEM.match(sentence) is not None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _trace(error: BaseException) -> str:
    """Return the module names in the traceback of an error."""
    frames = traceback.walk_tb(error.__traceback__)
    return " ".join(str(frame.f_globals.get("__name__")) for frame, _ in frames)


def _from_loading(text: str) -> bool:
    """Check that an error sent by a worker comes from a module that loads data."""
    return bool(IN_WORKER.match(text)) and any(one.replace(".", "/") in text for one in LOADING)


def _errno(error: BaseException) -> int | None:
    return getattr(error, "errno", None)


def _last_sentence(error: BaseException) -> str:
    """Return the message of an error without the traceback that a worker adds."""
    text = str(error)
    found = IN_WORKER.match(text)
    if found is None:
        return text
    *_, tail = re.split(rf"\n(?:\w+\.)*{found[1]}: ", text)  # some class names include the module
    return text if tail == text else tail.strip()


def _about_file(sentence: str, cfg: Config | Mapping) -> str:
    options = cfg.to_dict() if isinstance(cfg, Config) else cfg
    roots = (node.get("data_root") for _, node in nodes(options))
    gone = [root for root in roots if isinstance(root, str) and not Path(root).is_dir()]
    if gone:
        return (
            f"Data folder {gone[0]} disappeared during training. Mount it again or restore it "
            f"({sentence})."
        )
    return sentence


def _shared() -> str:
    room = ""
    if Path(SHARED).is_dir():
        use = shutil.disk_usage(SHARED)
        room = f" ({SHARED}: {use.free / 2**20:,.0f} of {use.total / 2**20:,.0f} MB free)"
    return (
        f"There is not enough shared memory for batches of data loader workers{room}. Increase it "
        f"(docker run --shm-size=8g, or --ipc=host), or use {WORKERS}."
    )


def report_unsent() -> None:
    """Make a data loader worker send an error if it cannot send a batch.

    By default the sending thread prints a traceback and drops the batch, and the run waits for it
    forever. This happens when shared memory is full.
    """
    multiprocessing.queues.Queue._on_queue_feeder_error = _send_error


def _send_error(queue: multiprocessing.queues.Queue, error: Exception, item: Any) -> None:
    """Send an error, which needs no shared memory, instead of a batch."""
    if isinstance(item, tuple) and len(item) == 2 and not isinstance(item[1], ExceptionWrapper):
        trace = (type(error), error, error.__traceback__)
        queue.put((item[0], ExceptionWrapper(trace, where="in DataLoader worker process, sending")))
