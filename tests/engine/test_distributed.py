# SPDX-License-Identifier: Apache-2.0
"""How several processes begin, wait, agree and end."""

import socket
import subprocess
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from torch import distributed, nn

from rankseg.engine import distributed as ours
from rankseg.engine.distributed import (
    any_process,
    main_process_first,
    propagate_failure,
    start_processes,
    synchronize_batch_norm,
    wait_for_main,
)
from rankseg.engine.runner import StrictRunner
from rankseg.models.layers import SyncBatchNorm
from rankseg.testing.processes import run_processes

DIST_TRAIN = Path(__file__).resolve().parents[2] / "tools/dist_train.sh"


def cfg(launcher="pytorch", **options):
    return Config(dict(launcher=launcher, **options))


@pytest.fixture
def alone(monkeypatch):
    """The surroundings of a process that nobody has launched."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RUN_ID", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def taken(monkeypatch):
    """The surroundings of the first of two processes, whose port another program has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        surroundings = dict(RANK=0, WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        for name, value in surroundings.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
        yield port


def test_one_process_needs_nothing(alone):
    start_processes(cfg("none"))
    start_processes(Config({}))
    assert not distributed.is_initialized()
    assert any_process(True) and not any_process(False)
    ran = []
    with main_process_first(), propagate_failure():
        ran.append(1)
    assert ran == [1]
    with pytest.raises(RuntimeError, match="as it is"), propagate_failure():
        raise RuntimeError("as it is")


def test_launcher_and_surroundings_must_fit(alone, monkeypatch):
    with pytest.raises(ValueError, match="started directly. Run python -m torch.distr"):
        start_processes(cfg())
    monkeypatch.setenv("WORLD_SIZE", "2")
    start_processes(cfg("none"))  # some clusters set that for one process, too
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    with pytest.raises(ValueError, match="started 2 processes.* Add --launcher pytorch"):
        start_processes(cfg("none"))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="a GPU for --launcher mpi, but there is none"):
            start_processes(cfg("mpi"))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (dict(RANK="5"), "RANK in the environment to be below WORLD_SIZE=2.* but got RANK=5"),
        (dict(RANK="2"), "but got RANK=2"),
        (dict(WORLD_SIZE="0"), "below WORLD_SIZE=0"),
        (dict(RANK="-1"), "RANK in the environment to be a whole number, but got '-1'"),
        (dict(WORLD_SIZE="two"), "WORLD_SIZE in the environment .* but got 'two'"),
        (dict(LOCAL_RANK="x"), "LOCAL_RANK in the environment .* but got 'x'"),
        (dict(MASTER_ADDR=None), "but it has no MASTER_ADDR. Start"),
        (dict(MASTER_ADDR=None, MASTER_PORT=""), "has no MASTER_ADDR and no MASTER_PORT"),
        (dict(MASTER_PORT="29500.5"), "MASTER_PORT in the environment .* but got '29500.5'"),
        (dict(MASTER_PORT="70000"), "MASTER_PORT to be 65535 or less, but got 70000"),
        (dict(RANK=None), "started directly"),
    ],
)
def test_surroundings_in_which_nobody_would_come(alone, monkeypatch, changed, found):
    # without the check some of them wait for half an hour
    given = dict(RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="29507")
    for name, value in (given | changed).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{found}.*python -m torch.distributed.run"):
        start_processes(cfg(env_cfg=dict(dist_cfg=dict(timeout=1))))
    assert not distributed.is_initialized()


@pytest.mark.parametrize(
    ("launcher", "given", "found"),
    [
        ("slurm", dict(SLURM_PROCID="0"), "has no SLURM_NTASKS and no SLURM_NODELIST.*srun"),
        (
            "slurm",
            dict(SLURM_PROCID="3", SLURM_NTASKS="2", SLURM_NODELIST="a"),
            "SLURM_PROCID in the environment to be below SLURM_NTASKS=2",
        ),
        ("mpi", {}, "has no OMPI_COMM_WORLD_RANK and .*mpirun"),
    ],
)
def test_surroundings_of_other_launchers(monkeypatch, launcher, given, found):
    for name in ours.ENVIRONMENT[launcher]:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ValueError, match=found):
        start_processes(cfg(launcher))


def test_what_other_programs_left_in_the_environment_is_no_matter(alone, monkeypatch):
    left = dict(RANK="5", WORLD_SIZE="x", LOCAL_RANK="7", SLURM_PROCID="1", SLURM_NTASKS="4")
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    start_processes(cfg("none"))
    assert not distributed.is_initialized()


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    ours._check_gpus()
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="this machine has 2 and this is process 2"):
        ours._check_gpus()


@pytest.mark.skipif(torch.cuda.is_available(), reason="the port would be asked for by NCCL")
def test_a_port_in_use(taken):
    with pytest.raises(ValueError, match=rf"127.0.0.1:{taken} to be free, .*Set MASTER_PORT"):
        start_processes(cfg())
    assert not distributed.is_initialized()


def test_a_port_in_use_is_told_by_the_script(taken):
    ended = subprocess.run([DIST_TRAIN, "any.py", "2"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert (
        ended.stderr.startswith(f"error: port {taken} is in use") and ended.stderr.count("\n") == 1
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="NCCL wants a GPU for each")
def test_processes_that_do_not_come(taken, monkeypatch, capfd):
    monkeypatch.setattr(ours, "SILENCE", 0.2)
    monkeypatch.setenv("MASTER_PORT", "0")  # any free one
    with pytest.raises(ValueError, match="2 processes to connect to .* within 1 seconds"):
        start_processes(cfg(env_cfg=dict(dist_cfg=dict(timeout=1))))
    assert (
        "Process 0 of 2 waits for the others at 127.0.0.1:0 for up to 1 s" in capfd.readouterr().err
    )


# --- in two processes


def agree():
    answers = [any_process(get_rank() == 1), any_process(False)]
    with main_process_first():
        print("printed by", get_rank())
    return answers


def test_processes_agree_and_the_main_one_prints(capfd):
    assert run_processes(2, agree) == [[True, False]] * 2
    assert capfd.readouterr().out == "printed by 0\n"


def fail_first():
    ran = False
    try:
        with main_process_first():
            ran = True
            raise ValueError("a mistake in the config")
    except (ValueError, SystemExit) as error:
        return ran, type(error).__name__, error.args


def test_a_mistake_is_found_once():
    assert run_processes(2, fail_first) == [
        (True, "ValueError", ("a mistake in the config",)),
        (False, "SystemExit", (2,)),
    ]


def fail(error):
    try:
        with propagate_failure():
            raise error
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("gloo: Connection closed by peer [::1]:5"),
            "stops, because another process has",
        ),
        (RuntimeError("Timed out waiting 5ms for recv"), "env_cfg.dist_cfg.timeout=SECONDS"),
        (OSError("no room"), "failed: OSError: no room\n"),
        (BrokenPipeError(32, "Broken pipe"), "failed: BrokenPipeError: [Errno 32] Broken pipe\n"),
        (RuntimeError("in DataLoader worker: Broken pipe"), "failed: RuntimeError: in DataLoader"),
    ],
)
def test_who_fails_says_so(error, said, capfd):
    assert run_processes(2, fail, error) == [1, 1]
    told = capfd.readouterr().err
    for rank in range(2):
        assert f"process {rank} of 2" in told
    assert said in told


def leave(folder, comes):
    start, file = time.monotonic(), Path(folder) / "checkpoint"
    if get_rank() == 0:
        time.sleep(0.5)
        file.write_text("whole")
    if comes or get_rank() == 1:
        wait_for_main(seconds=60 if comes else 0.2)
    return file.is_file() or not comes, time.monotonic() - start < 30


def test_nobody_leaves_before_the_main_one_has_written(tmp_path):
    wait_for_main()  # one process does not wait
    assert run_processes(2, leave, str(tmp_path), True) == [(True, True)] * 2


def test_a_main_one_that_does_not_come_is_not_waited_for(tmp_path):
    assert run_processes(2, leave, str(tmp_path), False) == [(True, True)] * 2


def wrap(options):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    runner = SimpleNamespace(cfg=Config(options), distributed=True)
    model = StrictRunner.wrap_model(runner, None, network)
    return isinstance(model.module[1], SyncBatchNorm), model.find_unused_parameters


def test_wrapping_follows_the_config():
    for kind in ("torch", "rankseg"):
        assert run_processes(2, wrap, dict(sync_bn=kind)) == [(True, False)] * 2
    assert (
        run_processes(2, wrap, dict(sync_bn=None, find_unused_parameters=True))
        == [(False, True)] * 2
    )


def wrap_channels_last():
    runner = SimpleNamespace(cfg=Config(dict(channels_last=True)), distributed=True)
    model = StrictRunner.wrap_model(runner, None, nn.Conv2d(3, 4, 3))
    images = torch.rand(2, 3, 8, 8).to(memory_format=torch.channels_last)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            model(images).sum().backward()
    weight = model.module.weight
    same = weight.stride() == weight.grad.stride() == (27, 1, 9, 3)
    return same, [str(one.message) for one in caught]


def test_gradients_that_processes_exchange_have_the_layout_of_the_weights():
    for same, caught in run_processes(2, wrap_channels_last):
        assert same and not any("strides do not match" in one for one in caught)


@pytest.mark.parametrize(
    ("kind", "layer"), [("torch", nn.SyncBatchNorm), ("rankseg", SyncBatchNorm)]
)
def test_batch_norm_on_gpus_is_chosen_by_the_config(monkeypatch, kind, layer):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    assert type(synchronize_batch_norm(network, Config(dict(sync_bn=kind)))[1]) is layer


def test_another_kind_of_batch_norm_is_refused():
    with pytest.raises(ValueError, match=r"sync_bn to be one of .*'torch', 'rankseg'.*got 'mmcv'"):
        synchronize_batch_norm(nn.BatchNorm2d(4), Config(dict(sync_bn="mmcv")))
