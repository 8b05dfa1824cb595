# SPDX-License-Identifier: Apache-2.0
"""Processes that are really told to stop are in tests/reliability."""

from types import SimpleNamespace

import pytest

from rankseg.engine.ending import Stopped
from rankseg.engine.hooks.checkpoint import CheckpointHook
from rankseg.engine.hooks.stop import StopHook


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
