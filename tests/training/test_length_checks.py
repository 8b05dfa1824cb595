# SPDX-License-Identifier: Apache-2.0
"""Lengths, intervals and schedules that are none are one sentence before training."""

import math

import pytest
from mmengine.config import Config

from rankseg.engine.schedulers import planned_rates
from rankseg.training import length_checks as module
from rankseg.training.length_checks import check_length, check_schedule, run_length


def test_raises_on_a_scheduler_that_begins_after_the_run():
    rising, falling = dict(type="LinearLR", end=10), dict(type="CosineAnnealingLR", begin=10)
    plan = dict(train_cfg=dict(max_iters=11), param_scheduler=[rising, falling])
    cfg = Config(dict(model=dict(), **plan))
    check_length(cfg)
    cfg.train_cfg.max_iters = 10
    message = r"param_scheduler\[1\] \(CosineAnnealingLR\) to begin before .* 10, .*begin=10"
    with pytest.raises(ValueError, match=message):
        check_length(cfg)
    check_length(Config(dict(train_cfg=dict(max_epochs=1), param_scheduler=falling)))


@pytest.mark.parametrize(("warmup", "told"), [(13, False), (14, True)])
def test_a_warm_up_that_never_ends_is_told(monkeypatch, warmup, told):
    said = []
    monkeypatch.setattr(module, "print_log", lambda text, **options: said.append(text))
    check_length(Config(dict(model=dict(warmup=warmup), train_cfg=dict(max_iters=14))))
    assert [text.startswith("model.warmup=14 is not below the 14 iterations") for text in said] == [
        True
    ] * told


def config(**train_cfg):
    return Config(
        dict(
            model=dict(),
            train_cfg=dict(type="PassTrainLoop", **train_cfg),
            val_dataloader=dict(batch_size=1),
        )
    )


def test_length_in_iterations_and_in_passes():
    assert run_length(config(max_iters=7), 4) == 7
    assert run_length(config(max_epochs=2.5), 4) == 10
    assert run_length(config(max_epochs=0.01), 4) == 1


@pytest.mark.parametrize("name", ["max_iters", "val_interval"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "100", True, math.nan, math.inf])
def test_iterations_are_a_whole_number(name, value):
    with pytest.raises(
        ValueError, match=rf"train_cfg\.{name} to be a whole .* got {value!r}\. Set"
    ):
        run_length(config(**{"max_iters": 5, name: value}), 4)


@pytest.mark.parametrize("name", ["max_epochs", "val_epochs"])
@pytest.mark.parametrize("value", [0, -1, "3", math.nan])
def test_passes_are_a_number_above_0(name, value):
    with pytest.raises(ValueError, match=rf"train_cfg\.{name} to be a number of passes above 0"):
        run_length(config(**{"max_epochs": 1, name: value}), 4)


def test_a_run_that_is_hardly_or_never_validated(monkeypatch):
    said = []
    monkeypatch.setattr(module, "print_log", lambda text, **options: said.append(text))
    check_length(config(max_iters=5, val_interval=5))
    assert not said
    check_length(config(max_iters=5, val_interval=6))
    assert "val_interval=6 is more than the 5 iterations" in said[0] and "at its end" in said[0]
    with pytest.raises(ValueError, match="val_begin to be at most 5, .* got 6"):
        check_length(config(max_iters=5, val_begin=6))


POLY = dict(type="PolyLR", power=0.9, by_epoch=False)
COSINE = dict(type="CosineAnnealingLR", by_epoch=False)
PARTIAL = dict(type="PartialCosineLR", by_epoch=False)
WARM = dict(type="LinearLR", start_factor=0.1, end=5, by_epoch=False)
STEPS = dict(type="MultiStepLR", milestones=[10], by_epoch=False)
LATE = dict(type="PolyLR", power=0.9, begin=5, by_epoch=False)


def resumed(schedule, now, done=20, before=20, **more):
    cfg = Config(
        dict(
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)), param_scheduler=schedule, **more
        )
    )
    hub = {"runtime_info": {"max_iters": before}}
    check_schedule(cfg, {"message_hub": hub, "meta": {"iter": done}}, now, 4)


@pytest.mark.parametrize("schedule", [POLY, [WARM, LATE], [COSINE]])
@pytest.mark.parametrize("done", [20, 12])
def test_more_iterations_than_the_schedule_has(schedule, done):
    with pytest.raises(ValueError, match=r"in iterations 21 to 30\. Add --extend-schedule"):
        resumed(schedule, 30, done)
    resumed(schedule, 20, done)
    resumed(schedule, 15, 12)
    resumed(schedule, 30, done, extend_schedule=True)
    resumed(schedule, 30, done, before=None)  # an old checkpoint does not say


@pytest.mark.parametrize("schedule", [None, [], PARTIAL, STEPS, [WARM]])
def test_schedules_that_leave_a_learning_rate(schedule):
    resumed(schedule, 30)


def test_planned_rates_by_hand():
    assert planned_rates(POLY, 0.1, 11, 3) == pytest.approx(
        [0.1 * (1 - i / 10) ** 0.9 for i in range(4)]
    )
    assert planned_rates(None, 0.1, 11, 2) == [0.1, 0.1, 0.1]
    assert planned_rates([dict(type="PolyLR", by_epoch=True)], 0.1, 11, 2) == [0.1, 0.1, 0.1]
    assert planned_rates(dict(generator=[STEPS]), 0.1, 20, 11)[9:] == pytest.approx(
        [0.1, 0.01, 0.01]
    )
