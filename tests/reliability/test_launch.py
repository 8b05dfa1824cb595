# SPDX-License-Identifier: Apache-2.0
"""Training in several processes under torchrun: as one process, resumed, and when one of them ends.

The launcher runs in a new process, since a fork of this one would lack its threads and could hang.
"""

import importlib.util
import json
import multiprocessing
import os
import re
import signal
import sys
import time
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
        monitor_interval=0.1,
        max_restarts=0,
    )
    try:
        elastic_launch(config, script().main)(*arguments)
    except ChildFailedError as error:
        print(error, flush=True)
        sys.exit(1)


class Launch:
    """A run in two processes: exit status, what was printed, seconds."""

    def __init__(self, how: str, config: Path, run: Path, *more: str) -> None:
        arguments = [how, str(config), "--work-dir", str(run), *more, "--cfg-options"]
        arguments += [f"{key}={value}" for key, value in OPTIONS.items()]
        log, start = run.with_suffix(".txt"), time.monotonic()
        process = multiprocessing.get_context("spawn").Process(
            target=_launch, args=(arguments, log)
        )
        process.start()
        process.join(PROMPT)
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            raise AssertionError(f"hangs:\n{log.read_text()}")
        self.status, self.text = process.exitcode, log.read_text()
        self.seconds = time.monotonic() - start


def state(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint_file(run / "iter_8.pth")["state_dict"]


@pytest.fixture(scope="module")
def config_file(config) -> Path:
    return config("supervised")


@pytest.fixture(scope="module")
def whole(config_file, tmp_path_factory) -> tuple[Launch, Path]:
    """A run that nothing disturbs."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return Launch("none", config_file, run), run


def test_two_processes_train_and_validate_as_one(whole, config_file, tmp_path):
    launch, run = whole
    assert launch.status == 0, launch.text
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
    launch, run = whole
    assert len(re.findall(r"^ +8 of 8  loss", launch.text, re.M)) == 1
    assert len(list(run.glob("*/*.log"))) == 1
    assert not list(run.rglob("*.partial"))


def check_ended(launch: Launch) -> None:
    assert launch.status == 1, launch.text
    assert launch.seconds < PROMPT, launch.text
    assert "process 0 of 2 stops, because another process has ended" in launch.text
    assert "saved as" not in launch.text, "a checkpoint is spoken of that was not made"


def test_one_that_is_killed_ends_the_other_and_both_resume(whole, config_file, tmp_path):
    run = tmp_path / "run"
    launch = Launch("kill", config_file, run)
    check_ended(launch)
    assert "Signal 9 (SIGKILL)" in launch.text
    assert (run / "iter_2.pth").is_file() and not (run / "iter_4.pth").exists()
    resumed = Launch("none", config_file, run, "--resume")
    assert resumed.status == 0, resumed.text
    for name, value in state(run).items():
        assert torch.equal(value, state(whole[1])[name]), name


def test_one_that_fails_ends_the_other_with_its_message(config_file, tmp_path):
    launch = Launch("raise", config_file, tmp_path / "run")
    check_ended(launch)
    assert "process 1 of 2 failed: RuntimeError: enough of this" in launch.text
    root_cause = launch.text[launch.text.index("Root Cause") :]
    assert "rank      : 1" in root_cause and "RuntimeError: enough of this" in root_cause
