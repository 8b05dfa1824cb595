# SPDX-License-Identifier: Apache-2.0
"""Learning rates over a run."""

from collections.abc import Sequence
from math import cos, pi

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, OptimizerType, _ParamScheduler

from rankseg.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class PartialCosineLR(LRSchedulerMixin, _ParamScheduler):
    r"""A part of a cosine from its top, which does not reach zero.

    .. math:: lr_s = lr_0 \cos(c \pi s / S)

    With ``c = 7/16`` the learning rate ends at 0.195 of where it began. Every step multiplies the
    rate that it finds, so a warm-up by ``LinearLR`` may come first or overlap.

    Args:
        optimizer: Whose learning rates are set.
        cycles: ``c``, in half periods of the cosine, in ``(0, 0.5]``; 0.5 ends at zero.
        begin: First step.
        end: Step ``begin + S``; the last of the run by default.
        **kwargs: Of mmengine's schedulers: ``by_epoch=False`` counts iterations.

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
        if not 0 < cycles <= 0.5:
            raise ValueError(
                f"cycles={cycles} of PartialCosineLR: expected half periods above 0 and at most "
                "0.5, where the learning rate is zero"
            )
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
    r"""One cosine after another, each of which stops before it reaches zero.

    .. math:: lr_s = lr_0 \, (1 + \cos(\pi s / (r S))) / 2

    at step ``s`` of a stage of ``S`` steps. After the last stage the learning rate stays.

    Args:
        optimizer: Whose learning rates are set.
        stages: Steps of each stage.
        reach: ``r``, at least 1: how much longer than the stage the cosine is.
        **kwargs: Of mmengine's schedulers: ``by_epoch=False`` counts iterations.

    Raises:
        ValueError: If there is no stage, one has no step, or ``reach`` is below 1.

    Source: Mean Teacher (NeurIPS 2017) and label propagation (CVPR 2019), whose cosine ends at 210
        of 180 epochs.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        stages: Sequence[int] = (),
        reach: float = 210 / 180,
        **kwargs,
    ) -> None:
        if not stages or min(stages) < 1:
            raise ValueError(
                f"stages={list(stages)} of CosineStagesLR: expected the number of iterations of "
                "every stage, 1 or more"
            )
        if reach < 1:
            raise ValueError(f"reach={reach} of CosineStagesLR: expected 1 or more")
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
