# SPDX-License-Identifier: Apache-2.0
import errno
import multiprocessing
import resource
import signal
import time
from functools import partial

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from torch.utils.data import DataLoader

from rankseg.datasets import SegListDataset
from rankseg.engine.resilience.data_failures import data_failures, end_workers, explain
from rankseg.engine.resilience.stopping import start_worker
from rankseg.errors import FileError, RunEnded
from rankseg.imageio.image_files import read_content, undecodable
from rankseg.testing.toy_run import write_set
from rankseg.training.command_line import exit_on_run_end


def small_files(worker: int) -> None:
    """Files that this process writes, shared memory among them, have a kilobyte at most."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


class Reads:
    """A data set that opens a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> bytes:
        return read_content(self.path)


def in_a_list(batch):
    """Leaves tensors out of shared memory, so that the sending thread has to put them there."""
    return {"samples": batch}


@pytest.mark.parametrize("collate", [None, in_a_list])
def test_too_little_shared_memory_ends_the_run(collate):
    data = [torch.zeros(10_000)] * 4
    loader = DataLoader(
        data,
        batch_size=2,
        num_workers=1,
        collate_fn=collate,
        timeout=30,  # seconds after which the test fails: nothing would ever come
        worker_init_fn=partial(start_worker, small_files),
    )
    match = r"not enough shared memory .*--shm-size=8g.*num_work"
    with pytest.raises(RunEnded, match=match), data_failures({}):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_gone(tmp_path, workers):
    loader = DataLoader(Reads(str(tmp_path / "a.png")), num_workers=workers)
    cfg = {"train_dataloader": {"dataset": [{"data_root": str(tmp_path)}]}}
    with pytest.raises(RunEnded) as ended, data_failures(cfg):
        next(iter(loader))
    assert str(ended.value).startswith(
        f"Expected to find image {tmp_path}/a.png, but it does not exist. Corr"
    )
    assert "\n" not in str(ended.value) and "Traceback" not in str(ended.value)
    cfg = Config({"data_root": str(tmp_path / "gone")})
    match = f"Data folder {tmp_path}/gone disappeared during training"
    with pytest.raises(RunEnded, match=match), data_failures(cfg):
        next(iter(loader))


BUS = (
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared memory. Please try to raise your shared memory limit."
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError(BUS), "not enough shared memory"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), r"died \(DataLo"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "memory ran out"),
        (RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nunable to open shared "
                      "memory object </torch_1> in read-write mode: Too many open files (24)"),
         "not enough shared memory|too many open files"),
        (RuntimeError("Caught OSError in DataLoader worker process 0.\n[Errno 24] Too many open "
                      "files"), "too many open files.*ulimit -n"),
    ],
)  # fmt: skip
def test_what_torch_says_is_explained(error, sentence):
    with pytest.raises(RunEnded, match=sentence), data_failures({}):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory"),
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        ValueError("a mistake in a method"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Caught KeyError in DataLoader worker process 0.\nKeyError: 'img'"),
    ],
)
def test_other_errors_are_left_alone(error):
    with pytest.raises(type(error)) as raised, data_failures({}):
        raise error
    assert raised.value is error and explain(error, {}) is None


class Slow(Reads):
    """Loads for ever, in a process that does not listen."""

    def __getitem__(self, index: int) -> bytes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)


def test_workers_that_do_not_listen_are_ended_and_nothing_else_is():
    other = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
    other.start()
    batches = iter(DataLoader(Slow(""), num_workers=2))
    handler = signal.getsignal(signal.SIGCHLD)
    began = time.monotonic()
    end_workers()
    assert not any(worker.is_alive() for worker in batches._workers)
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGCHLD) is handler
    assert other.is_alive()
    other.kill()
    other.join()


class Mistaken(BaseTransform):
    """A transform of a user, which goes wrong in one way or another."""

    def __init__(self, work) -> None:
        self.work = work

    def transform(self, results: dict) -> dict:
        self.work()


@pytest.fixture
def load(tmp_path):
    """``load(work)``: what becomes of an error in a transform that our data set calls."""

    def begin(work, workers: int):
        data = SegListDataset(
            data_root=write_set(tmp_path / f"set{workers}"),
            ann_file="splits/masks/val.txt",
            metainfo=dict(classes=("red", "green", "blue")),
            pipeline=[Mistaken(work)],
        )
        with data_failures({}):
            next(iter(DataLoader(data, num_workers=workers)))

    return begin


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "work", [lambda: np.zeros(3) + np.zeros(4), lambda: int("three"), lambda: len(None)]
)
def test_a_mistake_in_a_transform_keeps_its_traceback(load, work, workers):
    with pytest.raises((ValueError, TypeError)) as raised:
        load(work, workers)
    assert "test_data_failures" in str(raised.getrepr())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_a_transform_does_not_find(load, workers):
    with pytest.raises(RunEnded, match=r"^\[Errno 2\] No such file or directory: '/no/file'$"):
        load(partial(open, "/no/file"), workers)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_system_that_names_no_file(load, workers):
    with pytest.raises(OSError, match="nothing of a file"):
        load(partial(fail, OSError("nothing of a file")), workers)


def fail(error: Exception):
    raise error


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_bad(load, workers):
    bad = partial(fail, undecodable("a.png", "it is broken"))
    with pytest.raises(
        RunEnded, match=r"^Expected image a\.png .* cannot be decoded \(it is.* lists\.$"
    ) as ended:
        load(bad, workers)
    assert isinstance(ended.value.__cause__, FileError)


def test_debugging_shows_where_it_was(monkeypatch):
    bad = undecodable("a.png", "it is broken")
    for value, shown in (("", SystemExit), ("1", RunEnded)):
        monkeypatch.setenv("RANKSEG_DEBUG", value)
        cfg = Config({"work_dir": "/none"})
        with pytest.raises(shown) as raised, exit_on_run_end(cfg), data_failures({}):
            raise bad
        assert (raised.value.__cause__ is bad) == bool(value)


@pytest.mark.parametrize("line", ["explain", "end_workers"])
def test_torch_tells_of_a_dead_worker_while_the_failure_is_handled(line, monkeypatch):
    told, real = [], {"explain": explain, "end_workers": end_workers}[line]

    def once_interrupted(*args):
        told.append(len(told))
        if len(told) == 1:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
        return real(*args)

    monkeypatch.setattr(f"rankseg.engine.resilience.data_failures.{line}", once_interrupted)
    with pytest.raises(RunEnded, match="A data loader worker died"), data_failures({}):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
    assert told == [0, 1]  # the second time it is really done


def test_a_dead_worker_that_is_told_of_twice_is_named_once():
    first = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    second = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
    for error, cause in ((first, second), (second, first)):
        error.__cause__ = cause
        assert f"died ({str(error).rstrip('. ')}), usually" in explain(error, {})
        error.__cause__ = None
