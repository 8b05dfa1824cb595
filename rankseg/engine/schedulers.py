# SPDX-License-Identifier: Apache-2.0
"""Learning rate schedulers."""

import warnings
from collections.abc import Mapping, Sequence
from math import cos, pi
from typing import Any

import torch
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, OptimizerType, _ParamScheduler

from rankseg.errors import expect
from rankseg.registry import PARAM_SCHEDULERS


def follow(schedulers: Sequence[_ParamScheduler], steps: int) -> list[float]:
    """Advance all newly built schedulers of an optimizer, but those by epoch, to a later iteration.

    Return learning rates of the first parameter group in iterations ``0`` to ``steps``.
    """
    by_iteration = [one for one in schedulers if not one.by_epoch]
    if not by_iteration:
        return []
    group = by_iteration[0].optimizer.param_groups[0]
    rates = [group["lr"]]
    with warnings.catch_warnings():  # torch warns that the optimizer took no step
        warnings.filterwarnings("ignore", message=".*scheduler.step")
        for _ in range(steps):
            for one in by_iteration:
                one.step()
            rates.append(group["lr"])
    return rates


def planned_rates(
    configs: Any, rate: float, length: int, steps: int, per_pass: int = 1
) -> list[float]:
    """Compute the learning rates that ``param_scheduler`` of a config sets, ``steps + 1`` in all.

    ``length`` is the ``end`` of schedules that set none.
    """
    if isinstance(configs, Mapping) and "type" not in configs:
        configs = next(iter(configs.values()), None)
    configs = [configs] if isinstance(configs, Mapping) else configs or []
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate, momentum=0.9)
    ends = [{} if one.get("by_epoch", True) else {"end": length} for one in configs]
    built = [
        PARAM_SCHEDULERS.build(
            {**end, **one}, default_args=dict(optimizer=optimizer, epoch_length=per_pass)
        )
        for end, one in zip(ends, configs, strict=True)
    ]
    return follow(built, steps) or [rate] * (steps + 1)


@PARAM_SCHEDULERS.register_module()
class PartialCosineLR(LRSchedulerMixin, _ParamScheduler):
    r"""Scheduler that follows a cosine from its maximum and stops before it reaches zero.

    .. math:: lr_s = lr_0 \cos(c \pi s / S)

    With ``c = 7/16`` the learning rate ends at 0.195 of its initial value. Every step multiplies
    the current rate, so a ``LinearLR`` warm-up may precede or overlap.

    Args:
        optimizer: Optimizer whose learning rates are set.
        cycles: ``c``, in half periods of the cosine, in ``(0, 0.5]``; 0.5 ends at zero.
        begin: First step.
        end: Step ``begin + S``; by default the last step of the run.
        **kwargs: Arguments of MMEngine's schedulers; ``by_epoch=False`` counts iterations.

    Raises:
        ValueError: If ``cycles`` is outside ``(0, 0.5]``.

    Source: FixMatch (arXiv:2001.07685), section 2.4; SimMatch (CVPR 2022), section 4.1.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        cycles: float = 7 / 16,
        begin: int = 0,
        end: int = INF,
        **kwargs,
    ) -> None:
        wanted = "above 0 and at most 0.5, at which the learning rate ends at zero"
        expect(0 < cycles <= 0.5, "cycles of PartialCosineLR", wanted, cycles)
        self.cycles = cycles
        self.steps = end - begin
        super().__init__(optimizer, begin=begin, end=end, **kwargs)

    def _factor(self, step: int) -> float:
        return cos(self.cycles * pi * step / self.steps)

    def _get_value(self) -> list[float]:
        """Learning rates of the parameter groups at ``last_step``."""
        rates = [group[self.param_name] for group in self.optimizer.param_groups]
        if self.last_step == 0:
            return rates
        change = self._factor(self.last_step) / self._factor(self.last_step - 1)
        return [rate * change for rate in rates]


@PARAM_SCHEDULERS.register_module()
class CosineStagesLR(LRSchedulerMixin, _ParamScheduler):
    r"""Scheduler with one cosine per stage, each of which stops before it reaches zero.

    .. math:: lr_s = lr_0 \, (1 + \cos(\pi s / (r S))) / 2

    at step ``s`` of a stage of ``S`` steps. The learning rate is constant after the last stage.

    Args:
        optimizer: Optimizer whose learning rates are set.
        stages: Number of steps of each stage.
        reach: ``r``, length of the cosine relative to the stage, at least 1.
        **kwargs: Arguments of MMEngine's schedulers; ``by_epoch=False`` counts iterations.

    Raises:
        ValueError: If there are no stages, a stage has no steps, or ``reach`` is below 1.

    Source: Mean Teacher (NeurIPS 2017) and label propagation (CVPR 2019), which train 180 epochs
        with a cosine of 210.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        stages: Sequence[int] = (),
        reach: float = 210 / 180,
        **kwargs,
    ) -> None:
        wanted = "the iterations of each stage, 1 or more"
        expect(stages and min(stages) >= 1, "stages of CosineStagesLR", wanted, list(stages))
        expect(reach >= 1, "reach of CosineStagesLR", "1 or more", reach)
        self.stages = tuple(stages)
        self.reach = reach
        super().__init__(optimizer, **kwargs)

    def _get_value(self) -> list[float]:
        """Learning rates of the parameter groups at ``last_step``."""
        step, stages = self.last_step, list(self.stages)
        while len(stages) > 1 and step >= stages[0]:
            step -= stages.pop(0)
        progress = min(step, stages[0]) / stages[0]
        return [rate * (1 + cos(pi * progress / self.reach)) / 2 for rate in self.base_values]
