# SPDX-License-Identifier: Apache-2.0
"""Two machines with one process each: two launchers on two loopback addresses."""

import importlib.util
import os
import signal
import socket
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from rankseg import apis
from rankseg.engine.resilience.checkpoint import load_checkpoint_file

LAUNCHED = Path(__file__).parent / "launched.py"
TRAIN = Path(__file__).resolve().parents[2] / "tools/train.py"
PROMPT = 300  # seconds for a launch, far below the half hour that processes wait for each other
OPTIONS = {"model.student.decode_head.dropout_ratio": 0.0}  # nothing is drawn by a process


def agent(node: int, port: int, arguments: list[str], log: Path) -> None:
    """What ``torchrun --nnodes=2 --node-rank=NODE --nproc-per-node=1`` does."""
    os.setsid()  # a machine: a group of processes that can be ended together
    torch.set_num_threads(1)  # before the launcher forks: threads do not survive that
    sys.stdout = sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
    for number in (1, 2):
        os.dup2(sys.stdout.fileno(), number)
    spec = importlib.util.spec_from_file_location("launched", LAUNCHED)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    config = LaunchConfig(
        min_nodes=2,
        max_nodes=2,
        nproc_per_node=1,
        run_id="nodes",  # the same on both
        rdzv_backend="static",
        rdzv_endpoint=f"127.0.0.1:{port}",
        rdzv_configs=dict(rank=node, timeout=120),
        local_addr=f"127.0.0.{node + 1}",
        start_method="fork",
        monitor_interval=0.1,
        max_restarts=0,
    )
    try:
        elastic_launch(config, script.main)(*arguments)
    except ChildFailedError as error:
        print(error, flush=True)
        sys.exit(1)


def launch(
    context: ForkServerContext, how: str, config: Path, run: Path, *more: str
) -> tuple[list[int], list[str]]:
    """Train on both machines: exit status of the launchers, and what each printed."""
    arguments = [how, str(TRAIN), str(config), "--launcher", "pytorch", "--work-dir", str(run)]
    arguments += [*more, "--cfg-options"]
    arguments += [f"{key}={value}" for key, value in OPTIONS.items()]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    logs = [run.with_suffix(f".{node}.txt") for node in (0, 1)]
    nodes = [
        context.Process(target=agent, args=(node, port, arguments, logs[node])) for node in (0, 1)
    ]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join(PROMPT)
    for node in nodes:
        if node.exitcode is None:
            os.killpg(node.pid, signal.SIGKILL)
            node.join()
            raise AssertionError("\n".join(log.read_text() for log in logs))
    return [node.exitcode for node in nodes], [log.read_text() for log in logs]


def test_a_machine_that_is_lost_and_comes_back(config, forkserver, tmp_path):
    config_file, run = config("supervised"), tmp_path / "run"
    status, text = launch(forkserver, "node", config_file, run)
    assert status == [1, -signal.SIGKILL], text
    assert "process 0 of 2 stops, because another process has ended" in text[0]
    assert (run / "iter_2.pth").is_file() and not (run / "iter_8.pth").exists()

    status, text = launch(forkserver, "none", config_file, run, "--resume")
    assert status == [0, 0], text
    found = load_checkpoint_file(run / "iter_8.pth")["state_dict"]

    # one process with the same global batch
    options = {f"train_dataloader.sampler.{half}": 4 for half in ("labeled", "unlabeled")}
    options |= {"train_dataloader.batch_size": 8, **OPTIONS}
    alone = tmp_path / "alone"
    apis.train(apis.load_config(str(config_file), work_dir=str(alone), options=options))
    wanted = load_checkpoint_file(alone / "iter_8.pth")["state_dict"]
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name], rtol=2e-3, atol=2e-3, msg=name)
