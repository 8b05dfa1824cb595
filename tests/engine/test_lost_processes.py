# SPDX-License-Identifier: Apache-2.0
"""Processes that are gone or hang, and a main thread that waits where Python cannot reach it."""

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from datetime import timedelta

import pytest
from torch.distributed import TCPStore

from rankseg.engine import lost_processes
from rankseg.engine.lost_processes import ENDED, FAILED, ProcessWatch, SignalWatch

FORK = multiprocessing.get_context("fork")


class Store(dict):
    """What processes have written."""

    def set(self, key, value):
        self[key] = value if isinstance(value, bytes) else value.encode()

    def check(self, keys):
        return all(key in self for key in keys)

    def get(self, key):
        return self[key]


def hang() -> None:
    """Wait in C for what never comes, as in a kernel of a GPU: signals do not reach Python."""
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    for _ in range(2):
        library.pthread_mutex_lock(mutex)


def run(function, *arguments, log) -> multiprocessing.Process:
    """Start a function in a forked process that writes to a file."""

    def begin():
        sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
        function(*arguments)

    process = FORK.Process(target=begin)
    process.start()
    return process


def ended(process) -> int:
    process.join(20)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("the process hangs")
    return process.exitcode


# --- other processes


def test_who_counts_is_alive_and_who_does_not_is_lost():
    watch = ProcessWatch(Store(), 0, 3, silent=10)
    assert watch.others == [1, 2]
    begin = watch._answered
    for now in (0, 5, 10, 15):
        watch._answered = begin + now
        found = {1: str(now).encode(), 2: b"1"}
        lost = watch.find_lost(found, begin + now)
        assert ("process 2 has given no sign of life for 10 seconds" in lost) == (now > 10)


@pytest.mark.parametrize(("mark", "lost"), [(FAILED, True), (ENDED, False)])
def test_who_has_failed_leaves_time_to_react_and_who_has_ended_is_not_missed(mark, lost):
    watch = ProcessWatch(Store(), 0, 2, silent=1000, grace=10)
    begin = watch._answered
    assert not watch.find_lost({1: mark}, begin)
    assert not watch.find_lost({1: mark}, begin + 9)
    assert bool(watch.find_lost({1: mark}, begin + 11)) is lost
    watch._answered = begin + 2000
    assert bool(watch.find_lost({1: mark}, begin + 2000)) is lost


def test_who_is_lost_at_once():
    watch = ProcessWatch(Store(), 0, 2)
    now = time.monotonic()
    for count, since, lost in ((b"3", 1, False), (b"3", 20, True), (FAILED, 1, True)):
        watch._heard, watch._answered = {1: (count, now - since)}, now
        assert watch.is_lost(seconds=15) is lost
    watch._heard, watch._answered = {1: (b"3", now)}, now - 20
    assert watch.is_lost(seconds=15)


def test_a_store_that_does_not_answer():
    watch = ProcessWatch(Store(), 0, 2, silent=10)
    assert not watch.find_lost({}, watch._answered + 9)
    assert "has not answered" in watch.find_lost({}, watch._answered + 11)


def test_processes_that_see_each_other_are_left_alone(monkeypatch):
    monkeypatch.setattr(lost_processes, "end_now", lambda why: pytest.fail(why))
    store = Store()
    watches = [ProcessWatch(store, rank, 2, beat=0.01, silent=0.5) for rank in (0, 1)]
    for watch in watches:
        watch.start()
    time.sleep(0.7)
    watches[0].leave()
    assert store["rankseg/alive/0"] == ENDED
    time.sleep(0.7)
    assert watches[1].is_alive()
    watches[1].fail()
    assert store["rankseg/alive/1"] == FAILED


def wait_for_the_other(port, rank):
    store = TCPStore("127.0.0.1", port, is_master=False, timeout=timedelta(seconds=20))
    ProcessWatch(store.clone(), rank, 2, beat=0.05, silent=1).start()
    hang()


def test_a_killed_process_ends_one_that_waits_for_it(tmp_path):
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    logs = [tmp_path / f"{rank}.txt" for rank in (0, 1)]
    first, second = (run(wait_for_the_other, store.port, r, log=logs[r]) for r in (0, 1))
    store.wait(["rankseg/alive/0", "rankseg/alive/1"], timedelta(seconds=20))
    time.sleep(0.5)
    assert first.is_alive() and second.is_alive()
    second.kill()
    assert ended(second) == -signal.SIGKILL and ended(first) == 1
    said = logs[0].read_text()
    assert "process 1 has given no sign of life" in said and "--resume" in said


# --- signals


def watched(handles, lost):
    watch = SignalWatch(lambda: lost, grace=0.3, beat=0.1)
    signal.signal(signal.SIGTERM, lambda *_: watch.handled())
    sys.stderr.write("ready\n")
    if not handles:
        hang()
    time.sleep(1)  # goes on after the signal
    watch.close()
    os._exit(7)


@pytest.mark.parametrize(
    ("handles", "lost", "status"), [(True, True, 7), (False, True, 1), (False, False, None)]
)
def test_a_main_thread_that_does_not_react_to_a_signal(tmp_path, handles, lost, status):
    log = tmp_path / "log.txt"
    process = run(watched, handles, lost, log=log)
    while not log.exists() or "ready" not in log.read_text():
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGTERM)
    if status is None:  # busy with long work, while the others are alive
        process.join(1.5)
        assert process.is_alive()
        process.kill()
        process.join()
    else:
        assert ended(process) == status
    said = log.read_text()
    assert ("did not react" in said and "--resume" in said) == (status == 1)


def test_closing_gives_the_signals_back():
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    SignalWatch(lambda: True).close()
    now = signal.set_wakeup_fd(before)
    assert now == before
