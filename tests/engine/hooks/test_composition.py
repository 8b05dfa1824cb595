# SPDX-License-Identifier: Apache-2.0
"""Steps and discoveries of LMCS in a small run, and that a resumed run goes on."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.engine.hooks import CompositionHook
from rankseg.engine.hooks.base import RunSetup
from rankseg.engine.runner import StrictRunner
from rankseg.testing.toy_run import write_config, write_set

LENGTH = 8


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("data"))


def run(root, work_dir, resume=None, workers=0, **step):
    """Train LMCS; a checkpoint of every iteration, a step of three, discoveries after 2 and 5."""
    init_default_scope("rankseg")
    work_dir.mkdir(exist_ok=True)
    cfg = Config.fromfile(write_config(work_dir / "config.py", "lmcs", root, workers))
    cfg.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    cfg.train_cfg.val_interval, cfg.test_cfg = 100, None
    for hook in cfg.custom_hooks:
        if hook.type == "CompositionHook":
            hook.update(step)
    cfg.update(work_dir=str(work_dir), log_level="WARNING", resume=resume is not None)
    cfg.update(load_from=resume, experiment_name=f"{work_dir.name}_{resume is None}")
    runner = StrictRunner.from_cfg(cfg)
    runner.train()
    return runner.model


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A run that is not stopped: its model, and the states after every iteration."""
    folder = tmp_path_factory.mktemp("whole")
    model = run(root, folder)
    files = {i: folder / f"iter_{i}.pth" for i in range(1, LENGTH + 1)}
    return model, files


def state(path):
    return torch.load(path, weights_only=False)["state_dict"]


def part(values, name):
    return {k.removeprefix(name): v for k, v in values.items() if k.startswith(name)}


def test_a_step_keeps_the_student_and_clusters(whole):
    _, files = whole
    states = {i: state(path) for i, path in files.items()}
    kept = {i: part(values, "previous.") for i, values in states.items()}
    for i in range(3, LENGTH + 1):
        student = part(states[i // 3 * 3], "student.")
        for name, value in kept[i].items():
            assert torch.equal(value, student[name]), (i, name)
    first = next(iter(kept[1]))
    assert torch.equal(kept[1][first], kept[2][first])
    assert not torch.equal(kept[2][first], kept[3][first])
    assert [int(values["clustered"]) for values in states.values()] == [0, 0, 1, 1, 1, 1, 1, 1]
    centres = [values["centres"] for values in states.values()]
    assert torch.equal(centres[2], centres[4]) and not torch.equal(centres[4], centres[5])


def test_discoveries_fill_the_pool(whole):
    _, files = whole
    sizes = [len(state(path)["pool.index"]) for path in files.values()]
    assert sizes == [0, 3, 3, 3, 6, 6, 6, 6]
    last = state(files[LENGTH])
    assert last["pool.step"].tolist() == [0] * 3 + [1] * 3


@pytest.mark.parametrize("start", [3, 5])
def test_a_run_resumed_anywhere_ends_as_one_that_was_not_stopped(root, whole, tmp_path, start):
    model, files = whole
    resumed = run(root, tmp_path, resume=str(files[start]), workers=int(start == 5))
    for (name, mine), theirs in zip(
        resumed.state_dict().items(), model.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


def test_without_the_discriminative_loss_nothing_is_clustered(monkeypatch):
    method = SimpleNamespace(needs_centers=False, end_step=lambda centres: seen.append(centres))
    seen = []
    hook = CompositionHook(length=3)
    monkeypatch.setattr(hook, "cluster", lambda runner, method: pytest.fail("clustered"))
    for iteration in range(7):
        hook.after_train_iter(SimpleNamespace(iter=iteration, model=method), 0)
    assert seen == [None, None]


def test_raises_on_another_method_or_no_validation(whole):
    method, _ = whole
    with pytest.raises(ValueError, match="length of CompositionHook to be 1 or more, but got 0"):
        CompositionHook(length=0)
    hook = CompositionHook(length=3)
    with pytest.raises(ValueError, match="model.type to be LMCS .* got Linear"):
        hook.check(RunSetup(torch.nn.Linear(1, 1), None, None, None, None))
    with pytest.raises(ValueError, match="Expected val_dataloader, .* remove the hook"):
        hook.check(RunSetup(method, None, None, None, None))
    hook.check(RunSetup(method, None, object(), None, None))
