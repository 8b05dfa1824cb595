# SPDX-License-Identifier: Apache-2.0
"""Training in several processes with dist_train.sh: as one process, resumed, and when one ends.

The launcher runs in a process of the fork server, since a fork of this one would lack its threads
and could hang.
"""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from rankseg import apis
from rankseg.engine.resilience.checkpoint import load_checkpoint_file

LAUNCHED = Path(__file__).parent / "launched.py"
DIST_TRAIN = Path(__file__).resolve().parents[2] / "tools/dist_train.sh"
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


def given_to_torchrun(folder: Path, port: int | None, *arguments: str) -> list[str]:
    """What ``tools/dist_train.sh`` starts: a torchrun that notes its arguments is found first."""
    (folder / "torchrun").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$0.txt"\n')
    (folder / "torchrun").chmod(0o755)
    here = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    if port is not None:
        here["MASTER_PORT"] = str(port)
    subprocess.run([DIST_TRAIN, *arguments], check=True, cwd=folder, env=here)
    return (folder / "torchrun.txt").read_text().splitlines()


def _launch(how: str, arguments: list[str], log: Path) -> None:
    """Do what ``torchrun ARGUMENTS`` does, but fork processes that have everything imported."""
    os.setsid()  # a group of processes that can be ended together
    torch.set_num_threads(1)  # before the launcher forks: threads do not survive that
    sys.stdout = sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
    for number in (1, 2):
        os.dup2(sys.stdout.fileno(), number)

    def forking(config: LaunchConfig, entrypoint: str) -> Callable:
        config.start_method = "fork"
        config.monitor_interval = 0.5  # what the other process says of it comes first
        return lambda _, file, *more: elastic_launch(config, script().main)(how, file, *more)

    torchrun.elastic_launch = forking
    try:
        torchrun.run(torchrun.parse_args(arguments))
    except ChildFailedError as error:
        print(error, flush=True)
        sys.exit(1)


class Launch:
    """A run in two processes: exit status, what was printed, seconds."""

    def __init__(self, context, how: str, folder: Path, arguments: list[str]) -> None:
        log, start = folder / "log.txt", time.monotonic()
        process = context.Process(target=_launch, args=(how, arguments, log))
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

    def start(how: str, run: Path, *more: str, port: int | None = None) -> Launch:
        options = [f"{key}={value}" for key, value in OPTIONS.items()]
        arguments = ["--work-dir", str(run), *more, "--cfg-options", *options]
        arguments = given_to_torchrun(run.parent, port, str(config_file), "2", *arguments)
        return Launch(forkserver, how, run.parent, arguments)

    return start


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory) -> tuple[Launch, Path]:
    """A run that nothing disturbs, at a port that is given."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return launch("none", run, port=port), run


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
