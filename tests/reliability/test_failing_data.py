# SPDX-License-Identifier: Apache-2.0
"""Data that go away, and processes that load them and die, while a run is under way.

The run ends with one sentence that names the cause and the checkpoint to go on from, and that
checkpoint is whole.
"""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.testing.toy_run import write_config, write_set
from rankseg.training.work_folder import checkpoints

FOREVER = ("--cfg-options", "train_cfg.max_iters=1000000", "train_cfg.val_interval=1000000")


@pytest.fixture
def under_way(start, tmp_path) -> Callable:
    """Start a run and wait for its first checkpoint; the job, its folder and its data."""

    def begin(workers: int):
        root = write_set(tmp_path / "set")
        config = write_config(tmp_path / "toy.py", "supervised", root, workers)
        run = tmp_path / "run"
        job = start(config, "--work-dir", run, *FOREVER)
        for _ in range(1200):
            if checkpoints(run):  # not a certain one: the run goes on and removes it
                return job, run, root
            assert job.process.is_alive(), job.text
            time.sleep(0.1)
        raise AssertionError(job.text)

    yield begin


def ending(job, run: Path) -> str:
    """The last line of a run that failed; the checkpoint that it names is whole."""
    assert job.wait() == 1, job.text
    lines = job.text.strip().splitlines()
    found = [line for line in lines if line.startswith("error: ")]
    assert len(found) == 1, job.text
    (last,) = found
    assert "Traceback" not in job.text[job.text.index(last) :], job.text
    named = Path(last.rsplit("continues from ", 1)[1])
    assert named.parent == run and load_checkpoint_file(str(named))["state_dict"]
    return last


def workers_of(pid: int) -> list[int]:
    """Processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def test_a_worker_that_is_killed(under_way):
    job, run, _ = under_way(workers=2)
    os.kill(workers_of(job.process.pid)[0], signal.SIGKILL)
    last = ending(job, run)  # it does not wait for the other worker, which would not end
    # which of them is a matter of whether the main process waits for it or reads from it
    ends = r"is killed by signal: Killed|exited unexpectedly|Connection\w+Error|EOFError"
    assert re.search(rf"A data loader worker died \((DataLoader worker .* )?({ends})\)", last)
    assert "usually because memory ran out" in last and "num_workers=N, 0 for none" in last


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_folder_that_disappears(under_way, workers):
    job, run, root = under_way(workers)
    root.rename(root.parent / "unmounted")
    last = ending(job, run)
    assert f"Data folder {root} disappeared during training. Mount it again or restore it" in last


def test_a_file_that_vanishes(under_way):
    job, run, root = under_way(workers=1)
    gone = root / "train/green/1.png"
    gone.unlink()
    last = ending(job, run)
    assert f"error: Expected to find image {gone}, but it does not exist. Correct the list" in last


def test_a_mask_that_breaks(under_way):
    job, run, root = under_way(workers=0)
    broken = root / "masks/1.png"
    content = broken.read_bytes()
    (root / "new").write_bytes(content[: len(content) // 2])
    (root / "new").rename(broken)
    last = ending(job, run)
    assert f"error: Expected mask {broken} to be a valid image file" in last
