# SPDX-License-Identifier: Apache-2.0
"""A run that is told to stop finishes its iteration, saves, says how to go on, and leaves."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from rankseg.training.work_folder import checkpoints


def started(job, run, name: str = "*/vis_data/scalars.json") -> None:
    """Wait until a run has logged its first iteration."""
    begin = time.monotonic()
    while not list(run.glob(name)):
        assert job.process.is_alive() and time.monotonic() - begin < 200, job.text
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("signum", "status", "point", "iteration", "workers"),
    [
        (signal.SIGTERM, 143, "step:5", 5, 2),  # in the middle of an iteration
        (signal.SIGINT, 130, "validation:1", 3, 0),  # of which there is no regular checkpoint
    ],
)
def test_save_and_leave(
    start, config, assert_same, tmp_path, signum, status, point, iteration, workers
):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    file = config("rankmatch", workers)
    job = start(file, "--work-dir", stopped, point=point, signum=signum)
    other = start(file, "--work-dir", whole)
    assert job.wait() == status, job.text
    newest = checkpoints(stopped)[0]
    assert newest.name == f"iter_{iteration}.pth"
    message = f"stopped by {signum.name} after iteration {iteration}, which is saved as {newest}"
    assert f"{message}. The same command with --resume continues from {newest}" in job.text
    assert "Traceback" not in job.text and "killed by signal" not in job.text
    assert f" {iteration + 1} of 8  loss" not in job.text
    assert start(file, "--work-dir", stopped, "--resume").wait() == 0
    assert other.wait() == 0, other.text
    for run in (whole, stopped):  # the one that was stopped has kept a checkpoint more of its own
        for early in checkpoints(run)[1:]:
            early.unlink()
    assert_same(whole, stopped, but="keep_ckpt_ids")


def test_the_whole_group_is_told(start, config, tmp_path):
    # as by Slurm or a terminal: processes that load data get the signal too
    job = start(config("supervised", 2), "--work-dir", tmp_path, "--cfg-options", LONG)
    started(job, tmp_path)
    children = children_of(job.process.pid)
    assert len(children) >= 2
    for process in (*children, job.process.pid):
        os.kill(process, signal.SIGTERM)
    assert job.wait() == 143, job.text
    assert "Traceback" not in job.text and "killed by signal" not in job.text
    assert "stopped by SIGTERM after iteration" in job.text


LONG = "train_cfg.max_iters=100000"


def children_of(parent: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for folder in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(Path(f"/proc/{folder}/stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(folder))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def says(job, text: str, seconds: float = 200) -> None:
    """Wait until a run has printed something."""
    begin = time.monotonic()
    while text not in job.text:
        assert job.process.is_alive() and time.monotonic() - begin < seconds, job.text
        time.sleep(0.01)


def test_ctrl_c_again_ends_at_once(start, config, tmp_path):
    # nothing else could end this one: its third step waits for an hour
    job = start(config("supervised"), "--work-dir", tmp_path, point="step:3", signum=0)
    says(job, "waiting for an hour")
    os.kill(job.process.pid, signal.SIGINT)
    says(job, "Press Ctrl-C again to stop at once")
    begin = time.monotonic()
    while job.process.is_alive():
        assert time.monotonic() - begin < 60, job.text
        os.kill(job.process.pid, signal.SIGINT)
        time.sleep(0.3)
    assert job.wait() == 130, job.text
    newest = tmp_path / "iter_2.pth"
    assert f"interrupted. The same command with --resume continues from {newest}" in job.text
    assert "Traceback" not in job.text


@pytest.mark.parametrize("point", ["step:3", "validation:1"])
def test_two_processes_leave_together(start, config, tmp_path, point):
    # one is told, both leave: the other may wait for it in the middle of a validation
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(
        WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_WORLD_SIZE="2"
    )
    file = config("rankmatch")
    arguments = (file, "--work-dir", tmp_path, "--launcher", "pytorch")
    jobs = []
    for rank in ("0", "1"):
        told = dict(point=point, signum=signal.SIGTERM) if rank == "1" else {}
        own = dict(environment, RANK=rank, LOCAL_RANK=rank)
        jobs.append(start(*arguments, environment=own, **told))
    assert [job.wait() for job in jobs] == [143, 143], jobs[0].text + jobs[1].text
    assert checkpoints(tmp_path)[0].name == "iter_3.pth"
    assert "The same command with --resume continues" in jobs[0].text
    assert "--resume" not in jobs[1].text and "Traceback" not in jobs[0].text + jobs[1].text
