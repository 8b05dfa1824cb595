# SPDX-License-Identifier: Apache-2.0
import multiprocessing
import os
import signal
import tempfile
import threading

import pytest
import torch
from torch.utils.data import DataLoader

from rankseg.engine.resilience.stopping import (
    StopSignals,
    _remove_orphaned,
    start_worker,
    worker_start,
)
from rankseg.errors import Stopped


def test_noted_and_given_back(capfd):
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.after_iteration() == signals.between() == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert "Stopping after this iteration" in capfd.readouterr().err


def test_once_more_at_once_counts_once_and_later_ends(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("rankseg.engine.resilience.stopping.time.monotonic", lambda: now[0])
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # by torchrun
        now[0] += 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signals.received == signal.SIGINT


def test_outside_the_main_thread_nothing_is_changed():
    found = []

    def work():
        with StopSignals() as signals:
            found.append((signals.received, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(0, before)]


def _fork(then):
    """Status of a forked process that has started as one that loads data."""
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        start_worker(lambda number: os.write(told, b"x"), 0)
        signal.alarm(60)
        then()
    os.read(ready, 1)
    return child


def test_a_worker_ends_when_its_parent_says_so():
    child = _fork(signal.pause)
    os.kill(child, signal.SIGINT)  # of a terminal
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0


def test_a_worker_goes_on_when_others_tell_it_to_end():
    def others():
        grandchild = os.fork()
        if not grandchild:
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        os.waitpid(grandchild, 0)
        os._exit(7)

    assert os.waitstatus_to_exitcode(os.waitpid(_fork(others), 0)[1]) == 7


def test_what_is_said_of_a_stop():
    stop = Stopped(signal.SIGTERM, 5, "w/iter_5.pth")
    assert stop.code == 143 and isinstance(stop, KeyboardInterrupt)
    assert str(stop) == "stopped by SIGTERM after iteration 5, which is saved as w/iter_5.pth"
    assert "not saved" in str(Stopped(signal.SIGINT, 5, None))


def _load(folder):
    tempfile.tempdir = str(folder)
    multiprocessing.current_process()._config["tempdir"] = None  # that of the process before
    loader = DataLoader(torch.zeros(4, 3), num_workers=2, worker_init_fn=worker_start(2))
    batches = iter(loader)
    next(batches)
    (folder / "seen").write_text(" ".join(os.listdir(folder)))
    globals()["open"] = batches  # its processes live until this one ends


def test_processes_that_load_data_leave_no_temporary_folder(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_load, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and os.listdir(tmp_path) == ["seen"]
    assert (tmp_path / "seen").read_text().count("pymp-") == 1


def test_the_temporary_folder_of_a_killed_process_is_removed(tmp_path):
    folder = tmp_path / "pymp-x"
    folder.mkdir()
    _remove_orphaned(os.getppid(), str(folder))
    assert folder.is_dir()
    (folder / "listener").touch()  # another process has not ended yet
    _remove_orphaned(-1, str(folder))
    assert folder.is_dir()
    (folder / "listener").unlink()
    _remove_orphaned(-1, str(folder))
    assert not folder.exists()
