# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the data while a run is under way, in one sentence each.

A file or the whole data folder that is gone, a process that loads data and dies, shared memory
that does not suffice: none of them is a mistake in the code, and a traceback through the loader
says little about what to do.
"""

import errno
import gc
import multiprocessing.queues
import re
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch._utils import ExceptionWrapper
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from rankseg.errors import FileError, RunEnded

LOADING = (
    "rankseg.datasets",
    "rankseg.imageio",
    "mmengine.dataset",
)  # modules through which data come
SHARED = "/dev/shm"
WORKERS = (
    "fewer processes that load data (--cfg-options train_dataloader.num_workers=N, 0 for none)"
)
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
    """Turn a failure of data or of the processes that load it into :class:`RunEnded`.

    Args:
        cfg: Config of the run, for the data folders in it.

    Raises:
        RunEnded: With a sentence that names file or process, cause and cure.
    """
    try:
        yield
    except (OSError, EOFError, ValueError, RuntimeError, MemoryError) as error:
        sentence = None
        # torch's handler may tell of a dead worker only now: at any line, once for each loader
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
    """End processes that load data, which nobody waits for any more.

    They do not leave when told to (:func:`rankseg.engine.resilience.stopping.start_worker`), so
    that a run that is stopped can finish its iteration; a run that has failed would wait for them.
    """
    # nothing lists the loaders' iterators, which know their processes; other children are not ours
    loaders = [
        one for one in gc.get_objects() if issubclass(type(one), _MultiProcessingDataLoaderIter)
    ]
    ours = {worker.pid for loader in loaders for worker in getattr(loader, "_workers", ())}
    workers = [child for child in active_children() if child.pid in ours]
    if not workers or threading.current_thread() is not threading.main_thread():
        return
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes a worker's end for news
    try:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()
    finally:
        signal.signal(signal.SIGCHLD, handler)


def explain(error: BaseException, cfg: Config | Mapping) -> str | None:
    """What a failure means, or None if it is none of the data."""
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
                "too many files are open at once in the processes that load data: raise the limit "
                f"(ulimit -n 65536), or use {WORKERS}"
            )
        dead = DEAD.search(text)
        # torch has not yet seen that it died, but cannot reach it any more
        lost = isinstance(error, ConnectionError | EOFError) and "torch.utils.data" in where
        if dead is not None or lost:
            how = type(error).__name__ if dead is None else dead[0].strip().rstrip(".")
            return (
                f"a process that loads data died ({how}), mostly killed "
                f"because memory ran out: give the run more memory, or use {WORKERS}, with a "
                "smaller cache of LoadSample where there is one"
            )
        if _errno(error) == errno.ENOMEM:
            return f"memory does not suffice to start processes that load data: use {WORKERS}"
    sentence = _last_sentence(error)
    if isinstance(error, FileError) or (
        isinstance(error, OSError)
        and (any(name in where for name in LOADING) or _from_loading(text))
        and _names_file(error, sentence)
    ):
        return _about_file(sentence, cfg)
    return None


def _names_file(error: OSError, sentence: str) -> bool:
    """Whether an error is that of a file; one that a worker has sent keeps its text alone."""
    missing = isinstance(error, FileNotFoundError | PermissionError)
    return missing or error.filename is not None or SYSTEM.match(sentence) is not None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _trace(error: BaseException) -> str:
    """Names of the modules that an error has come through."""
    names, trace = [], error.__traceback__
    while trace is not None:
        names.append(str(trace.tb_frame.f_globals.get("__name__")))
        trace = trace.tb_next
    return " ".join(names)


def _from_loading(text: str) -> bool:
    """Whether an error that a worker has sent comes from a data set."""
    return bool(IN_WORKER.match(text)) and any(one.replace(".", "/") in text for one in LOADING)


def _errno(error: BaseException) -> int | None:
    return getattr(error, "errno", None)


def _last_sentence(error: BaseException) -> str:
    """The message of an error, without the traceback that a worker puts around it."""
    text = str(error)
    found = IN_WORKER.match(text)
    if found is None:
        return text
    *_, tail = re.split(rf"\n(?:\w+\.)*{found[1]}: ", text)  # some have their module in front
    return text if tail == text else tail.strip()


def _about_file(sentence: str, cfg: Config | Mapping) -> str:
    options = cfg.to_dict() if isinstance(cfg, Config) else cfg
    gone = [root for root in _data_roots(options) if not Path(root).is_dir()]
    if gone:
        return (
            f"data folder {gone[0]} disappeared during training: mount it again or put it back "
            f"({sentence})"
        )
    return sentence


def _data_roots(value: Any) -> Iterator[str]:
    """Every ``data_root`` in a config."""
    if isinstance(value, Mapping):
        if isinstance(value.get("data_root"), str):
            yield value["data_root"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _data_roots(one)


def _shared() -> str:
    room = ""
    if Path(SHARED).is_dir():
        use = shutil.disk_usage(SHARED)
        room = f" ({SHARED}: {use.free / 2**20:,.0f} of {use.total / 2**20:,.0f} MB free)"
    return (
        f"shared memory does not suffice for batches from the processes that load data{room}: give "
        f"it more (docker run --shm-size=8g, or --ipc=host), or use {WORKERS}"
    )


def report_unsent() -> None:
    """In a process that loads data: what cannot be sent is told as an error.

    By default the thread that sends batches prints a traceback and drops the batch, and the run
    would wait for it for ever: so it does when shared memory is full.
    """
    multiprocessing.queues.Queue._on_queue_feeder_error = _send_error


def _send_error(queue: multiprocessing.queues.Queue, error: Exception, item: Any) -> None:
    """Put an error, which needs no shared memory, in the place of a batch."""
    if isinstance(item, tuple) and len(item) == 2 and not isinstance(item[1], ExceptionWrapper):
        trace = (type(error), error, error.__traceback__)
        queue.put((item[0], ExceptionWrapper(trace, where="in DataLoader worker process, sending")))
