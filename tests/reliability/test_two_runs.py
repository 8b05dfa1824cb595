# SPDX-License-Identifier: Apache-2.0
"""Two runs in one folder, and a folder that goes away under a run."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.engine.hooks import StepSeedHook, SummaryHook
from rankseg.engine.resilience.folder_lock import NAME, FolderLock
from rankseg.engine.runner import StrictRunner
from rankseg.errors import RunEnded


def says(job, text: str) -> None:
    """Wait until a run has printed something."""
    begin = time.monotonic()
    while text not in job.text:
        assert job.process.is_alive() and time.monotonic() - begin < 200, job.text
        time.sleep(0.01)


def test_a_folder_belongs_to_a_live_run_and_to_nobody_after_a_kill(start, config, tmp_path):
    file, run = config("supervised", 2), tmp_path / "run"
    job = start(file, "--work-dir", run, point="step:2", signum=0)
    says(job, "waiting for an hour")
    assert not list(run.glob("*.pth"))  # nothing else would tell of the run
    before = sorted(run.rglob("*"))
    other = start(file, "--work-dir", run, "--resume")
    assert other.wait() == 2, other.text
    (line,) = [line for line in other.text.splitlines() if line.startswith("error: ")]
    assert f"work folder {run} to be free, but process {job.process.pid} on host " in line
    assert line.endswith("or set another --work-dir.")
    cfg = apis.load_config(str(file), work_dir=str(run))
    with pytest.raises(ValueError, match=f"process {job.process.pid} on host"):
        apis.train(cfg, overwrite=True)
    assert sorted(run.rglob("*")) == before
    children = f"/proc/{job.process.pid}/task/{job.process.pid}/children"
    workers = [int(pid) for pid in Path(children).read_text().split()]
    os.kill(job.process.pid, signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    lock = FolderLock(run)
    lock.acquire()  # at once: processes that load data are still there
    assert len(workers) == 2 and all(os.path.exists(f"/proc/{pid}") for pid in workers)
    lock.release()


def change_at(monkeypatch, owner, method: str, iteration: int, change) -> None:
    """Change something when a run comes by a method of a hook."""
    inner = getattr(owner, method)

    def passing(self, runner, *args, **kwargs):
        if runner.iter == iteration:
            change()
        return inner(self, runner, *args, **kwargs)

    monkeypatch.setattr(owner, method, passing)


@pytest.mark.parametrize(
    ("name", "owner", "method", "iteration"),
    [  # of one name, mmengine takes two runs that start in the same second for one
        ("supervised", StepSeedHook, "before_train_iter", 2),
        ("rankmatch", SummaryHook, "before_val_epoch", 3),
    ],
)
def test_a_moved_folder_ends_the_run(
    monkeypatch, quick_train, tmp_path, name, owner, method, iteration
):
    run, new = tmp_path / "run", tmp_path / "new"
    change_at(monkeypatch, owner, method, iteration, lambda: run.rename(new))
    with pytest.raises(RunEnded, match=f"{run} to stay in its place.* was moved to {new}, and"):
        quick_train(name, run)
    assert not run.exists()
    assert NAME not in os.listdir(new) and "iter_2.pth" in os.listdir(new)


def test_a_folder_that_is_removed_while_a_checkpoint_is_written(monkeypatch, quick_train, tmp_path):
    run, inner = tmp_path / "run", StrictRunner.__mro__[1].save_checkpoint

    def save_checkpoint(self, *args, **kwargs):
        run.rename(tmp_path / "new")  # mmengine makes it again
        inner(self, *args, **kwargs)

    monkeypatch.setattr(StrictRunner.__mro__[1], "save_checkpoint", save_checkpoint)
    with pytest.raises(RunEnded, match=f"{re.escape(str(run))} to stay in its place"):
        quick_train("cps", run)
    assert not run.exists() and not list((tmp_path / "new").glob("*.pth"))


def test_a_finished_run_leaves_no_lock(quick_train, tmp_path):
    run = quick_train("cct", tmp_path / "run", train_cfg__max_iters=2)
    assert (run / "iter_2.pth").is_file() and not (run / NAME).exists()
