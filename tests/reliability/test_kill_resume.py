# SPDX-License-Identifier: Apache-2.0
"""A run that is killed and resumed ends as one that was never stopped, to the last bit."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from rankseg.datasets import SemiDataset
from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.testing.toy_run import METHODS
from rankseg.training.work_folder import checkpoints

KILLED = -signal.SIGKILL


def resume_to_the_end(start, config: Path, run: Path, points: list[str]) -> int:
    """Start, be killed at each point in turn, and go on; returns how often it was killed."""
    kills = 0
    for point in [*points, None]:
        begin = "--resume" if checkpoints(run) else "--overwrite"
        job = start(config, "--work-dir", run, begin, point=point)
        status = job.wait()
        assert status == (KILLED if point else 0), job.text
        kills += status == KILLED
    return kills


@pytest.mark.parametrize(
    ("method", "workers", "points"),
    [
        # a first start makes 8 steps, 4 checkpoints (2, 4, 6, 8) and 3 validations (3, 6, 8)
        ("supervised", 0, ["save:2", "validation:1", "step:3"]),
        ("rankmatch", 2, ["step:5", "name:4", "validation:3"]),
        ("prevmatch", 0, ["validation:1", "step:5", "save:1"]),
        ("simmatch", 0, ["step:4", "remove:1", "sync:7"]),
    ],
)
def test_killed_again_and_again(start, config, assert_same, tmp_path, method, workers, points):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    job = start(config(method), "--work-dir", whole)  # without workers: they change nothing
    assert resume_to_the_end(start, config(method, workers), broken, points) == len(points)
    assert job.wait() == 0, job.text
    assert_same(whole, broken)
    assert not list(broken.glob("*.partial"))


def test_killed_at_any_time(start, config, assert_same, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    file, seed = config("supervised"), random.randrange(2**32)
    delay = random.Random(seed).uniform(0, 0.4)
    print(f"seed {seed}: killed {delay:.4f} seconds after the first checkpoint")
    length = ("--cfg-options", "train_cfg.max_iters=40")  # it must not end before that
    job, begin = start(file, "--work-dir", broken, *length), time.monotonic()
    while not checkpoints(broken):
        assert job.process.is_alive() and time.monotonic() - begin < 200, job.text
        time.sleep(0.01)
    time.sleep(delay)
    job.process.kill()
    assert job.wait() == KILLED, job.text
    assert start(file, "--work-dir", broken, "--resume", *length).wait() == 0
    assert start(file, "--work-dir", whole, *length).wait() == 0
    assert_same(whole, broken)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_before_and_after_a_validation(quick_train, assert_same, tmp_path, method):
    keep = dict(default_hooks__checkpoint__max_keep_ckpts=9)
    whole = quick_train(method, tmp_path / "whole", check=False, **keep)
    for number in (2, 6):
        broken = shutil.copytree(whole, tmp_path / f"from_{number}")
        for file in checkpoints(broken):
            if int(file.stem.split("_")[1]) > number:
                file.unlink()  # notes and best are as later ones left them
        quick_train(method, broken, resume=True, check=number == 2, **keep)
        assert_same(whole, broken)


def test_earlier_weights_are_those_of_the_best_validations(quick_train, tmp_path, monkeypatch):
    scores = iter((10.0, 5.0, 20.0, 15.0))
    monkeypatch.setattr(
        "rankseg.evaluation.segmentation.SegmentationMetric.compute_metrics",
        lambda self, results: {"mIoU": next(scores)},
    )
    run = quick_train(
        "prevmatch",
        tmp_path / "run",
        train_cfg__val_interval=2,
        default_hooks__checkpoint__max_keep_ckpts=9,
    )
    states = {
        number: load_checkpoint_file(str(run / f"iter_{number}.pth"))["state_dict"]
        for number in (2, 6, 8)
    }
    last = states[8]
    assert int(last["taken"]) == 2 and float(last["best"]) == 20.0
    for place, number in enumerate((2, 6)):  # not 4 and 8, which are worse
        for name, value in states[number].items():
            if name.startswith("student."):
                kept = last[f"previous.{place}.{name.removeprefix('student.')}"]
                assert torch.equal(kept, value), f"{number}: {name}"
    logged = [json.loads(line) for line in next(run.rglob("scalars.json")).open()]
    guided = {one["step"] for one in logged if "loss_prev_s1" in one}
    assert guided == {3, 4, 5, 6, 7, 8}


def test_going_on_at_100000_costs_as_much_as_at_0(quick_train, tmp_path, monkeypatch):
    whole = quick_train("supervised", tmp_path / "whole")
    content = torch.load(whole / "iter_8.pth", weights_only=False)
    content["meta"]["iter"] = 100_000
    torch.save(content, tmp_path / "late.pth")
    taken, inner = [], SemiDataset.__getitem__
    monkeypatch.setattr(
        SemiDataset, "__getitem__", lambda self, key: taken.append(key) or inner(self, key)
    )
    quick_train("supervised", tmp_path / "early", train_cfg__max_iters=1)
    early, late = len(taken), {"train_cfg__max_iters": 100_001}
    quick_train("supervised", tmp_path / "late", resume=tmp_path / "late.pth", **late)
    assert 4 <= early <= 8 and len(taken) == 2 * early  # a batch, and a look before training
