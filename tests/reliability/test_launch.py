# SPDX-License-Identifier: Apache-2.0
"""Training in several processes under torchrun: as one process, resumed, and when one of them ends.

The launcher runs in a process of the fork server, since a fork of this one would lack its threads
and could hang.
"""

import importlib.util
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from rankseg import apis
from rankseg.engine.resilience.checkpoint import load_checkpoint_file

LAUNCHED = Path(__file__).parent / "launched.py"
PROMPT = 300  # seconds for a launch, far below the half hour that processes wait for each other
OPTIONS = {  # nothing is drawn by a process, and three images are not for two processes
    "train_cfg.max_iters": 4,
    "model.student.backbone.norm_eval": True,  # batch norms of the head are synchronized
    "model.student.decode_head.dropout_ratio": 0.0,
    "val_dataloader.dataset.indices": 3,
}


def script():
    spec = importlib.util.spec_from_file_location("launched", LAUNCHED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _launch(arguments: list[str], log: Path) -> None:
    os.setsid()  # a group of processes that can be ended together
    torch.set_num_threads(1)  # before the launcher forks: threads do not survive that
    sys.stdout = sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
    for number in (1, 2):
        os.dup2(sys.stdout.fileno(), number)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="fork",
        monitor_interval=0.5,  # what the other process says of it comes first
        max_restarts=0,
    )
    try:
        elastic_launch(config, script().main)(*arguments)
    except ChildFailedError as error:
        print(error, flush=True)
        sys.exit(1)


class Launch:
    """A run in two processes: exit status, what was printed, seconds."""

    def __init__(self, context, how: str, config: Path, run: Path, *more: str) -> None:
        arguments = [how, str(config), "--work-dir", str(run), *more, "--cfg-options"]
        arguments += [f"{key}={value}" for key, value in OPTIONS.items()]
        log, start = run.with_suffix(".txt"), time.monotonic()
        process = context.Process(target=_launch, args=(arguments, log))
        process.start()
        process.join(PROMPT)
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            raise AssertionError(f"hangs:\n{log.read_text()}")
        self.status, self.text = process.exitcode, log.read_text()
        self.seconds = time.monotonic() - start


def state(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint_file(run / "iter_4.pth")["state_dict"]


@pytest.fixture(scope="module")
def config_file(config) -> Path:
    return config("supervised")


@pytest.fixture(scope="module")
def launch(forkserver, config_file) -> Callable[..., Launch]:
    """Start a run of that config: how process 1 ends, work folder, more arguments."""

    def start(how: str, run: Path, *more: str) -> Launch:
        return Launch(forkserver, how, config_file, run, *more)

    return start


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory) -> tuple[Launch, Path]:
    """A run that nothing disturbs."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return launch("none", run), run


def test_two_processes_train_and_validate_as_one(whole, config_file, tmp_path):
    ended, run = whole
    assert ended.status == 0, ended.text
    options = {f"train_dataloader.sampler.{half}": 4 for half in ("labeled", "unlabeled")}
    options |= {"train_dataloader.batch_size": 8, **OPTIONS}
    apis.train(apis.load_config(str(config_file), work_dir=str(tmp_path), options=options))
    wanted = state(tmp_path)
    for name, value in state(run).items():
        torch.testing.assert_close(value, wanted[name], rtol=2e-3, atol=2e-3, msg=name)
    mine, alone = (json.loads((x / "summary.json").read_text()) for x in (run, tmp_path))
    assert mine["last"] == pytest.approx(alone["last"], abs=0.5)
    steps = ([note["iteration"] for note in one["history"]] for one in (mine, alone))
    assert next(steps) == next(steps)


def test_only_the_main_process_writes_and_logs(whole):
    ended, run = whole
    assert len(re.findall(r"^ +4 of 4  loss", ended.text, re.M)) == 1
    assert len(list(run.glob("*/*.log"))) == 1
    assert not list(run.rglob("*.partial"))


def check_ended(ended: Launch) -> None:
    assert ended.status == 1, ended.text
    assert ended.seconds < PROMPT, ended.text
    assert "process 0 of 2 stops, because another process has ended" in ended.text
    assert "saved as" not in ended.text, "a checkpoint is spoken of that was not made"


def test_one_that_is_killed_ends_the_other_and_both_resume(whole, launch, tmp_path):
    run = tmp_path / "run"
    ended = launch("kill", run)
    check_ended(ended)
    assert "Signal 9 (SIGKILL)" in ended.text
    assert (run / "iter_2.pth").is_file() and not (run / "iter_4.pth").exists()
    resumed = launch("none", run, "--resume")
    assert resumed.status == 0, resumed.text
    wanted = state(whole[1])
    for name, value in state(run).items():
        assert torch.equal(value, wanted[name]), name


def test_one_that_fails_ends_the_other_with_its_message(launch, tmp_path):
    ended = launch("raise", tmp_path / "run")
    check_ended(ended)
    assert "process 1 of 2 failed: RuntimeError: enough of this" in ended.text
    root_cause = ended.text[ended.text.index("Root Cause") :]
    assert "rank      : 1" in root_cause and "RuntimeError: enough of this" in root_cause
