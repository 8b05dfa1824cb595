# SPDX-License-Identifier: Apache-2.0
import errno
import multiprocessing
import resource
import signal
import time
from functools import partial

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from rankseg.datasets.image_files import read_content
from rankseg.engine.data_failures import data_failures, end_workers, explain
from rankseg.engine.ending import RunEnded
from rankseg.engine.stopping import start_worker


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
    match = r"shared memory does not suffice .*--shm-size=8g.*num_work"
    with pytest.raises(RunEnded, match=match), data_failures({}):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_gone(tmp_path, workers):
    loader = DataLoader(Reads(str(tmp_path / "a.png")), num_workers=workers)
    cfg = {"train_dataloader": {"dataset": [{"data_root": str(tmp_path)}]}}
    with pytest.raises(RunEnded) as ended, data_failures(cfg):
        next(iter(loader))
    assert str(ended.value).startswith(f"image {tmp_path}/a.png does not exist: correct the list")
    assert "\n" not in str(ended.value) and "Traceback" not in str(ended.value)
    cfg = Config({"data_root": str(tmp_path / "gone")})
    match = f"data folder {tmp_path}/gone disappeared during training"
    with pytest.raises(RunEnded, match=match), data_failures(cfg):
        next(iter(loader))


BUS = (
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared memory. Please try to raise your shared memory limit."
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError(BUS), "shared memory does not suffice"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), r"died \(DataLo"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "memory ran out"),
        (RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nunable to open shared "
                      "memory object </torch_1> in read-write mode: Too many open files (24)"),
         "shared memory does not suffice|too many files"),
        (RuntimeError("Caught OSError in DataLoader worker process 0.\n[Errno 24] Too many open "
                      "files"), "too many files are open .*ulimit -n"),
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


def test_workers_that_do_not_listen_are_ended():
    context = multiprocessing.get_context("fork")
    process = context.Process(target=deaf, daemon=True)
    process.start()
    handler = signal.getsignal(signal.SIGCHLD)
    began = time.monotonic()
    end_workers()
    assert not process.is_alive() and time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGCHLD) is handler


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
