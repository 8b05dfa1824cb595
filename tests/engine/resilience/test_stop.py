# SPDX-License-Identifier: Apache-2.0
"""Processes that are really told to stop are in tests/reliability."""

from types import SimpleNamespace

import pytest

from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.engine.resilience.stop import StopHook
from rankseg.errors import Stopped


def make(after: int, between: int):
    saved = []
    keeper = CheckpointHook()
    keeper.save_now = lambda runner, step: saved.append(step) or f"iter_{step}.pth"
    signals = SimpleNamespace(
        after_iteration=lambda: after, between=lambda: between, received=after or between
    )
    return StopHook(signals), SimpleNamespace(iter=4, hooks=[keeper]), saved


def test_not_told():
    hook, runner, saved = make(0, 0)
    hook.after_train_iter(runner, 4)
    hook.after_val_iter(runner, 0)
    assert saved == []


def test_while_training_the_iteration_counts_that_has_just_ended():
    hook, runner, saved = make(15, 0)
    with pytest.raises(Stopped, match="after iteration 5, .* saved as iter_5.pth"):
        hook.after_train_iter(runner, 4)
    assert saved == [5]


@pytest.mark.parametrize(
    ("iteration", "asked"),
    [(0, False), (8, False), (9, True), (19, True), (11, True), (24, True), (12, False)],
)
def test_several_processes_ask_each_other_now_and_then(monkeypatch, iteration, asked):
    hook, runner, saved = make(15, 0)
    runner.iter, runner.val_interval, runner.max_iters = iteration, 12, 25
    waited = []
    monkeypatch.setattr("rankseg.engine.resilience.stop.get_world_size", lambda: 2)
    monkeypatch.setattr(
        "rankseg.engine.resilience.stop.wait_for_main", lambda: waited.append(saved[0])
    )
    if asked:
        with pytest.raises(Stopped):
            hook.after_train_iter(runner, iteration)
        assert waited == [iteration + 1]  # after saving
    else:
        hook.after_train_iter(runner, iteration)
        assert saved == waited == []


def test_a_validation_is_left_without_waiting(monkeypatch):
    hook, runner, _ = make(0, 2)
    monkeypatch.setattr(
        "rankseg.engine.resilience.stop.wait_for_main", lambda: pytest.fail("waits")
    )
    with pytest.raises(Stopped):
        hook.after_val_iter(runner, 0)


def test_in_validation_it_is_counted_already():
    hook, runner, saved = make(0, 2)
    with pytest.raises(Stopped, match="SIGINT after iteration 4"):
        hook.after_val_iter(runner, 0)
    assert saved == [4]


def test_a_run_that_saves_nothing():
    hook, runner, _ = make(15, 0)
    runner.hooks = []
    with pytest.raises(Stopped, match="not saved"):
        hook.after_train_iter(runner, 4)
