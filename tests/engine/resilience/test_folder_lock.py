# SPDX-License-Identifier: Apache-2.0
"""Locks of work folders; with real runs in tests/reliability/test_two_runs.py."""

import errno
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from mmengine.dist import get_rank

from rankseg.engine.distributed import main_process_first
from rankseg.engine.resilience import folder_lock
from rankseg.engine.resilience.folder_lock import NAME, FolderLock
from rankseg.errors import RunEnded
from rankseg.testing.processes import run_processes
from rankseg.training.work_folder import lock_work_dir
from rankseg.utils.atomic_file import WriteError

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def lock(tmp_path):
    """A lock on a new folder."""
    lock = FolderLock(tmp_path / "a/run")
    lock.acquire()
    yield lock
    lock.release()


def test_a_second_lock_is_refused_and_says_who_has_it(lock):
    with pytest.raises(ValueError, match="or set another --work-dir") as refused:
        FolderLock(lock.folder).acquire()
    assert f"Expected work folder {lock.folder} to be free, but process {os.getpid()} on " in str(
        refused.value
    )
    assert f"on host {socket.gethostname()} since 2" in str(refused.value)
    link = lock.folder.with_name("link")
    link.symlink_to(lock.folder)
    with pytest.raises(ValueError, match="to be free"):
        FolderLock(link).acquire()
    link.unlink()


def test_a_released_lock_leaves_nothing(lock, tmp_path):
    lock.release()
    assert list(tmp_path.iterdir()) == []
    lock.acquire()
    (lock.folder / "log.txt").touch()
    lock.release()
    assert [file.name for file in lock.folder.iterdir()] == ["log.txt"]


def test_what_a_lock_file_says_is_not_repeated_if_it_is_something_else(lock):
    lock.path.write_text("\x1b[2J process 1 on host x")
    with pytest.raises(ValueError, match="but another process trains in it"):
        FolderLock(lock.folder).acquire()


def _hold(folder, told):
    lock = FolderLock(folder)
    lock.acquire()
    if os.fork() == 0:  # as a process that loads data
        time.sleep(30)
        os._exit(0)
    command = [sys.executable, "-c", "import time; time.sleep(30)"]
    other = subprocess.Popen(command, close_fds=False)
    told.send(other.pid)
    time.sleep(30)


def test_a_killed_process_holds_nothing_though_those_it_started_live(tmp_path):
    mine, theirs = FORK.Pipe()
    holder = FORK.Process(target=_hold, args=(tmp_path, theirs))
    holder.start()
    other = mine.recv()
    try:
        with pytest.raises(ValueError, match=f"but process {holder.pid} on host"):
            FolderLock(tmp_path).acquire()
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        assert (tmp_path / NAME).is_file()
        lock = FolderLock(tmp_path)
        lock.acquire()
        lock.release()
        os.kill(other, 0)  # the other process lives
    finally:
        with suppress(ProcessLookupError):
            os.kill(other, signal.SIGKILL)


def test_a_forked_process_does_not_release_the_lock(lock):
    child = FORK.Process(target=lock.release)
    child.start()
    child.join()
    assert lock.path.is_file()
    with pytest.raises(ValueError, match="to be free"):
        FolderLock(lock.folder).acquire()


def test_the_file_of_a_run_that_ends_just_now_is_not_taken(lock, monkeypatch):
    # the second run opens the file, then the first removes it, then the second locks what is gone
    inner, calls = folder_lock._lock_file, []

    def lock_file(handle, folder):
        calls.append(handle)
        if len(calls) == 1:
            lock.release()
        inner(handle, folder)

    monkeypatch.setattr(folder_lock, "_lock_file", lock_file)
    (lock.folder / "log.txt").touch()
    second = FolderLock(lock.folder)
    second.acquire()
    assert len(calls) == 2
    with pytest.raises(ValueError, match="to be free"):
        FolderLock(lock.folder).acquire()
    second.release()


def moved(folder):
    folder.rename(folder.with_name("elsewhere"))


def removed(folder):
    shutil.rmtree(folder)


def replaced(folder):
    moved(folder)
    shutil.copytree(folder.with_name("elsewhere"), folder)


def made_again(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("change", "fate"),
    [(moved, "elsewhere"), (removed, "removed"), (replaced, "elsewhere"), (made_again, "removed")],
)
def test_a_folder_that_is_not_the_same_ends_the_run(lock, change, fate):
    lock.check()
    change(lock.folder)
    before = sorted(lock.folder.parent.rglob("*"))
    with pytest.raises(RunEnded, match=f"{lock.folder} to stay .* it was .*{fate}.*--resume"):
        lock.check()
    assert sorted(lock.folder.parent.rglob("*")) == before


def test_a_lock_file_that_was_removed_is_written_again(lock):
    lock.path.unlink()
    lock.check()
    with pytest.raises(ValueError, match=f"process {os.getpid()}"):
        FolderLock(lock.folder).acquire()
    lock.path.unlink()
    second = FolderLock(lock.folder)
    second.acquire()
    with pytest.raises(RunEnded, match="to be free, but process"):
        lock.check()
    second.release()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", flock)
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.check()
    lock.release()
    assert re.search(r"cannot be locked \(No locks available\)", "".join(capsys.readouterr()))


def test_an_operating_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(folder_lock, "fcntl", None)
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.check()
    lock.release()
    assert "this operating system has no flock" in "".join(capsys.readouterr())


def test_a_lock_file_that_cannot_be_opened(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(WriteError, match=f"{NAME} could not be written"):
        FolderLock(tmp_path).acquire()


def test_a_process_may_ask_for_its_own_lock_again(tmp_path):
    with lock_work_dir(tmp_path) as outer:
        with lock_work_dir(str(tmp_path)) as inner:
            assert inner is outer
        outer.check()
        assert outer.path.is_file()
    assert FolderLock.held_here(tmp_path) is None and not (tmp_path / NAME).exists()


def _ask(folder):
    try:
        with main_process_first(), lock_work_dir(folder):
            return "runs"
    except (ValueError, SystemExit) as error:
        return get_rank(), str(error)[:20]


def test_all_processes_end_if_the_main_one_is_refused(lock):
    assert run_processes(2, _ask, str(lock.folder)) == [(0, "Expected work folder"), (1, "2")]
