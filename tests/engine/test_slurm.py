# SPDX-License-Identifier: Apache-2.0
"""Processes of a Slurm job, and the script that starts them; ``srun`` is a stand-in."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import distributed

from rankseg.engine import distributed as ours
from rankseg.engine.slurm import first_host, take_from_slurm

SCRIPT = Path(__file__).resolve().parents[2] / "tools/slurm_train.sh"
TORCH = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
JOB = dict(
    SLURM_PROCID="5",
    SLURM_NTASKS="8",
    SLURM_LOCALID="1",
    SLURM_NODELIST="gpu[07-08]",
    SLURM_JOB_ID="1234567",
    SLURM_STEP_ID="0",
)


@pytest.fixture
def job(monkeypatch):
    """``job(NAME=value)``: a process of a job, with other values."""
    monkeypatch.setattr(os, "environ", dict(os.environ))  # what the code sets ends with the test
    for name in (*TORCH, "SLURM_STEP_NODELIST", "SLURM_GPUS_PER_TASK"):
        os.environ.pop(name, None)
    return lambda **changed: os.environ.update(JOB | changed)


def test_place_of_a_process(job):
    job()
    take_from_slurm()
    assert [os.environ[name] for name in TORCH] == ["5", "8", "1", "gpu07", "24567"]


def test_what_the_user_sets_is_kept(job):
    job(MASTER_ADDR="10.0.0.1", MASTER_PORT="1234")
    take_from_slurm()
    assert [os.environ[name] for name in TORCH[3:]] == ["10.0.0.1", "1234"]


def test_steps_and_jobs_do_not_meet(job):
    ports = set()
    for number, step in (("17", "0"), ("17", "1"), ("18", "0")):
        os.environ.pop("MASTER_PORT", None)
        job(SLURM_JOB_ID=number, SLURM_STEP_ID=step)
        take_from_slurm()
        ports.add(os.environ["MASTER_PORT"])
    assert len(ports) == 3


def test_a_process_that_sees_only_its_own_gpu(job):
    job(SLURM_GPUS_PER_TASK="1")
    take_from_slurm()
    assert os.environ["LOCAL_RANK"] == "0"


def test_hosts_of_the_step_come_first(job):
    job(SLURM_STEP_NODELIST="gpu08")
    take_from_slurm()
    assert os.environ["MASTER_ADDR"] == "gpu08"


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("a", "a"),
        ("a,b", "a"),
        ("n[1-3]", "n1"),
        ("n[003,7],m1", "n003"),
        ("r1-[2]-ib,x", "r1-2-ib"),
    ],
)
def test_first_host(hosts, first):
    assert first_host(hosts) == first


@pytest.mark.skipif(torch.cuda.is_available(), reason="one process would use NCCL")
def test_a_job_of_one_process_starts_without_a_gpu(job):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    job(SLURM_PROCID="0", SLURM_NTASKS="1", SLURM_NODELIST="localhost", MASTER_PORT=str(port))
    try:
        ours.start_processes(Config(dict(launcher="slurm")))
        assert distributed.get_backend() == "gloo" and distributed.get_world_size() == 1
    finally:
        distributed.destroy_process_group()


def run_script(tmp_path, *arguments, **variables):
    srun = tmp_path / "srun"
    srun.write_text(f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:], sep='\\n')\n")
    srun.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPT, *arguments],
        env=os.environ | dict(PATH=path) | variables,
        capture_output=True,
        text=True,
    )


def test_script_on_two_machines(tmp_path):
    variables = dict(GPUS="8", GPUS_PER_NODE="4", SRUN_ARGS="--time=60 --exclusive")
    ended = run_script(tmp_path, "part", "name", "c.py", "--amp", "--resume", **variables)
    said = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert {"--partition=part", "--nodes=2", "--ntasks=8", "--ntasks-per-node=4"} <= set(said)
    assert {"--gres=gpu:4", "--time=60", "--exclusive", "--kill-on-bad-exit=1"} <= set(said)
    assert said[-5:] == ["c.py", "--launcher", "slurm", "--amp", "--resume"]


def test_script_on_a_part_of_a_machine(tmp_path):
    said = run_script(tmp_path, "", "name", "c.py", GPUS="2").stdout.splitlines()
    assert {"--nodes=1", "--ntasks=2", "--gres=gpu:2"} <= set(said)
    assert not any("--partition" in one for one in said)


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["part", "name"], {}, "usage: tools/slurm_train.sh PARTITION"),
        (["part", "name", "c.py"], dict(GPUS="6", GPUS_PER_NODE="4"), "GPUS=6 to be a multiple"),
    ],
)
def test_script_with_mistakes(tmp_path, arguments, variables, said):
    ended = run_script(tmp_path, *arguments, **variables)
    assert ended.returncode == 2 and said in ended.stderr
