# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from mmengine.optim import LinearLR, OptimWrapper

from rankseg.engine.schedulers import CosineStagesLR, PartialCosineLR
from rankseg.registry import PARAM_SCHEDULERS

TOTAL = 40


def optimizer(*rates: float) -> OptimWrapper:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return OptimWrapper(torch.optim.SGD(groups))


def run(wrapper: OptimWrapper, schedulers: list, steps: int) -> list[list[float]]:
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in wrapper.optimizer.param_groups])
        wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
    return seen


@pytest.mark.parametrize("cycles", [7 / 16, 0.5, 0.1])
def test_closed_form(cycles):
    wrapper = optimizer(0.03, 0.3)
    scheduler = PartialCosineLR(wrapper, cycles=cycles, end=TOTAL, by_epoch=False)
    for step, (small, large) in enumerate(run(wrapper, [scheduler], TOTAL)):
        expected = math.cos(cycles * math.pi * step / TOTAL)
        assert small == pytest.approx(0.03 * expected, rel=1e-12)
        assert large == pytest.approx(0.3 * expected, rel=1e-12)


def test_defaults_are_those_of_the_paper():
    wrapper = optimizer(0.03)
    scheduler = PartialCosineLR(wrapper, end=TOTAL, by_epoch=False)
    assert run(wrapper, [scheduler], TOTAL)[10][0] == pytest.approx(
        0.03 * math.cos(7 * math.pi * 10 / (16 * TOTAL))
    )


@pytest.mark.parametrize("begin", [0, 5])
def test_warm_up_first_or_on_top(begin):
    wrapper = optimizer(0.03)
    schedulers = [
        LinearLR(wrapper, start_factor=0.2, begin=0, end=5, by_epoch=False),
        PartialCosineLR(wrapper, begin=begin, end=TOTAL, by_epoch=False),
    ]
    for step, (rate,) in enumerate(run(wrapper, schedulers, TOTAL)):
        warm = min(1.0, 0.2 + 0.8 * step / 4)
        past = max(0, step - begin) / (TOTAL - begin)
        expected = 0.03 * warm * math.cos(7 / 16 * math.pi * past)
        assert rate == pytest.approx(expected, rel=1e-9), step


def test_a_resumed_run_has_the_same_rates():
    def build(wrapper):
        return [
            LinearLR(wrapper, start_factor=0.2, end=5, by_epoch=False),
            PartialCosineLR(wrapper, begin=5, end=TOTAL, by_epoch=False),
        ]

    whole = optimizer(0.03)
    expected = run(whole, build(whole), TOTAL)

    first = optimizer(0.03)
    schedulers = build(first)
    run(first, schedulers, 17)
    second = optimizer(0.03)
    resumed = build(second)
    second.load_state_dict(first.state_dict())
    for new, old in zip(resumed, schedulers, strict=True):
        new.load_state_dict(old.state_dict())
    assert run(second, resumed, TOTAL - 17) == expected[17:]


def test_from_a_config():
    config = dict(type="PartialCosineLR", end=TOTAL, by_epoch=False, epoch_length=10)
    scheduler = PARAM_SCHEDULERS.build(config, default_args=dict(optimizer=optimizer(0.03)))
    assert isinstance(scheduler, PartialCosineLR)
    with pytest.raises(ValueError, match="cycles of PartialCosineLR .* at most 0.5, .* got 0.6"):
        PARAM_SCHEDULERS.build({**config, "cycles": 0.6}, default_args=dict(optimizer=optimizer(1)))


def test_stages_are_cosines_that_stop_early():
    wrapper = optimizer(0.05)
    stages = CosineStagesLR(wrapper, stages=[18, 36], by_epoch=False)
    rates = [rate for (rate,) in run(wrapper, [stages], 60)]
    for first, length in ((0, 18), (18, 36)):
        for step in range(length):
            wanted = 0.05 * (1 + math.cos(math.pi * step / (length * 210 / 180))) / 2
            assert rates[first + step] == pytest.approx(wanted), (first, step)
    end = 0.05 * (1 + math.cos(math.pi * 180 / 210)) / 2
    assert rates[54:] == pytest.approx([end] * 6)


def test_stages_go_on_after_a_resume():
    whole = optimizer(0.05)
    rates = run(whole, [CosineStagesLR(whole, stages=[7, 9], by_epoch=False)], 16)
    first, second = optimizer(0.05), optimizer(0.05)
    stages = CosineStagesLR(first, stages=[7, 9], by_epoch=False)
    before = run(first, [stages], 10)
    resumed = CosineStagesLR(second, stages=[7, 9], by_epoch=False)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(stages.state_dict())
    assert before + run(second, [resumed], 6) == rates


@pytest.mark.parametrize(
    "options", [dict(stages=[]), dict(stages=[3, 0]), dict(stages=[3], reach=0.5)]
)
def test_bad_stages(options):
    with pytest.raises(ValueError, match="of CosineStagesLR to be"):
        CosineStagesLR(optimizer(0.05), **options)
