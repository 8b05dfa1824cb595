# SPDX-License-Identifier: Apache-2.0
"""Runs in processes of their own, and what two runs have in common."""

import filecmp
import functools
import json
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from rankseg import apis
from rankseg.testing.toy_run import write_config, write_set
from rankseg.utils.link_file import follow_link

DRIVER = Path(__file__).parent / "driver.py"
# what is different in every run: clocks, folders, the config's name and text
CLOCKS = {"time", "data_time", "eta", "seconds", "memory", "cfg", "config"}
CLOCKS |= {"mmengine_version"}  # it names the commit that is checked out
CLOCKS |= {"dropped_ckpt_ids"}  # a run that stopped has saved, and removed, one checkpoint more
CLOCKS |= {"experiment_name", "resumed_keys"}  # mmengine's list of what is in the same dict
FOLDERS = {"last_ckpt", "best_ckpt"}


@pytest.fixture(scope="session")
def toy_set(tmp_path_factory) -> Path:
    """Images, masks and lists."""
    return write_set(tmp_path_factory.mktemp("toy") / "set")


@pytest.fixture(scope="session")
def config(toy_set) -> Callable[..., Path]:
    """Config file of a method, see :mod:`rankseg.testing.toy_run`."""

    def make(method: str, workers: int = 0) -> Path:
        path = toy_set.parent / f"{method}_{workers}.py"
        return path if path.is_file() else write_config(path, method, toy_set, workers)

    return make


class Job:
    """A process that trains.

    Args:
        context: Of multiprocessing.
        arguments: Of ``tools/train.py``.
        point: See the driver.
        signum: Signal that comes there.
        environment: Variables of it.
        limits: Of ``resource.setrlimit``.
        log: File for what it prints.
    """

    def __init__(self, context, arguments, point, signum, environment, limits, log) -> None:
        self.log = Path(log)
        self.log.touch()
        call = dict(
            arguments=[str(one) for one in arguments],
            point=point,
            signum=signum,
            environment=environment,
            limits=limits,
            log=str(log),
        )
        self.process = context.Process(
            target=runpy.run_path,
            args=(str(DRIVER),),
            kwargs=dict(init_globals={"CALL": call}, run_name="__main__"),
        )
        self.process.start()

    def wait(self) -> int:
        """Exit status: of one that was killed, the negative number of the signal."""
        self.process.join(300)
        assert self.process.exitcode is not None, self.log.read_text()
        return self.process.exitcode

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text()


@pytest.fixture(scope="session")
def start(forkserver, tmp_path_factory) -> Callable[..., Job]:
    """Start ``tools/train.py`` in a process of its own."""
    logs = tmp_path_factory.mktemp("logs")
    jobs = []

    def start(
        *arguments: Any,
        point: str | None = None,
        signum: int = signal.SIGKILL,
        environment: dict[str, str] | None = None,
        limits: dict[int, int] | None = None,
    ) -> Job:
        log, more = logs / f"{len(jobs)}.txt", (environment or {}, limits or {})
        jobs.append(Job(forkserver, arguments, point, int(signum), *more, log))
        return jobs[-1]

    yield start
    for job in jobs:
        if job.process.is_alive():
            job.process.kill()


@pytest.fixture
def quick_train(config, monkeypatch) -> Callable[..., Path]:
    """Train in this process."""
    monkeypatch.setattr(Config, "pretty_text", property(lambda self: "# left out: it is slow"))
    monkeypatch.setattr("rankseg.engine.hooks.discovery.draw_discovery", lambda *_: None)  # as this

    def train(
        method: str, run: Path, resume: str | bool = False, check: bool = True, **options: Any
    ) -> Path:
        options = {key.replace("__", "."): value for key, value in options.items()}
        cfg = apis.load_config(str(config(method)), work_dir=str(run), options=options)
        if resume is True:
            apis.resume_from_latest(cfg)
        elif resume:
            cfg.load_from, cfg.resume = str(resume), True
        apis.train(cfg, check=check)
        return run

    return train


def contents(run: Path, but: set[str] = frozenset()) -> dict[str, Any]:
    """All that a run has come to, by name: checkpoints but for some, notes and logged numbers."""
    found: dict[str, Any] = {}
    read = functools.cache(lambda file: flat(torch.load(file, weights_only=False)))  # as ours
    for file in sorted(run.glob("*.pth")):
        if file.name not in but:
            found[file.name] = read(follow_link(file))
    for name in ("summary", "pseudo_labels", "label_propagation"):
        if (run / f"{name}.json").is_file():
            found[name] = flat(json.loads((run / f"{name}.json").read_text()))
    return found


def copies(one: Path, other: Path) -> set[str]:
    """Names of the checkpoints that are the same in two runs, byte for byte."""
    names = {file.name for file in one.glob("*.pth") if (other / file.name).is_file()}
    return {name for name in names if filecmp.cmp(one / name, other / name, shallow=False)}


def flat(value: Any, where: str = "") -> dict[str, Any]:
    """Leaves of nested dicts and lists by their path, without what differs in every run."""
    if isinstance(value, HistoryBuffer):
        return {where: value._log_history.tolist()}
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return {where: value}
    leaves = {}
    for key, item in items:
        name = str(key).rsplit("/")[-1]
        if name in CLOCKS:
            continue
        item = Path(item).name if name in FOLDERS and isinstance(item, str) else item
        leaves.update(flat(item, f"{where}.{key}"))
    return leaves


def scalars(run: Path) -> dict[tuple, dict]:
    """Logged numbers of all starts of a run, by iteration and kind; equal where logged twice."""
    found: dict[tuple, dict] = {}
    for file in sorted(run.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            entry = flat(json.loads(line))
            at = entry[".step"], *sorted(entry)
            assert found.setdefault(at, entry) == entry, file
    return found


@pytest.fixture(scope="session")
def assert_same() -> Callable[..., None]:
    """Compare two finished runs to the last bit, but for entries of one name."""

    def compare(one: Path, other: Path, but: str = "nothing") -> None:
        equal = copies(one, other)
        mine, theirs = contents(one, equal), contents(other, equal)
        assert mine.keys() == theirs.keys() and len(mine.keys() | equal) >= 4
        for file in mine:
            assert mine[file].keys() == theirs[file].keys(), file
            for key, value in mine[file].items():
                assert but in key or same(value, theirs[file][key]), f"{file}: {key}"
        assert scalars(one) == scalars(other)

    return compare


def same(one: Any, other: Any) -> bool:
    """Whether two leaves are of one type and equal, NaN included."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or one != one and other != other)
