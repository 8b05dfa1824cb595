# SPDX-License-Identifier: Apache-2.0
"""Hook that ends a run whose validations no longer improve."""

import math
from typing import Any

from mmengine.hooks import EarlyStoppingHook as _EarlyStoppingHook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.hooks.base import RunHook
from rankseg.engine.hooks.summary import SummaryHook
from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.errors import expect
from rankseg.registry import HOOKS
from rankseg.utils.terminal import notify

POINTS = 0.1
"""Gain of the metric that counts as an improvement, in points of percent."""


@HOOKS.register_module()
class EarlyStoppingHook(RunHook, _EarlyStoppingHook):
    """MMEngine's ``EarlyStoppingHook``, which also works with resumed runs.

    It follows the metric of the :class:`~rankseg.engine.hooks.SummaryHook`, of which larger is
    better. The weights of the last iteration are saved, and all hooks finish as they do at the
    planned end of a run. A resumed run counts the validations before it. NaN is no improvement.

    Args:
        patience: Number of validations in a row without an improvement after which the run ends.
        min_delta: Smallest gain of the metric that is an improvement, in points of percent.

    Raises:
        ValueError: If ``patience`` is below 1 or ``min_delta`` is not above 0.
    """

    priority = "LOWEST"  # after the hooks that record and save the validation
    needs_validation = True
    without_validation = "leave out --patience"

    def __init__(self, patience: int = 5, min_delta: float = POINTS) -> None:
        whole = isinstance(patience, int) and not isinstance(patience, bool)
        cure = "Change --patience."
        expect(whole and patience >= 1, "--patience", "a number of 1 or more", patience, cure)
        expect(min_delta > 0, "min_delta of EarlyStoppingHook", "above 0", min_delta)
        _EarlyStoppingHook.__init__(
            self,
            monitor="",  # known before training
            rule="greater",
            min_delta=min_delta,
            patience=patience,
            check_finite=False,
        )

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> None:
        """Leave the hook out, because a tiny run has one validation."""
        return None

    def before_train(self, runner: Runner) -> None:
        """Check the run, and count the validations of a resumed one."""
        super().before_train(runner)
        self._summary = next(hook for hook in runner.hooks if isinstance(hook, SummaryHook))
        self.monitor = self._summary.key
        stopped = False
        for entry in self._summary.history:
            stopped, _ = self._check_stop_condition(entry[self.monitor])
        if stopped:
            self._stop(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """End the run if the metric has not improved for long enough."""
        if not metrics or self.monitor not in metrics or runner.iter >= runner.max_iters:
            return
        super().after_val_epoch(runner, metrics)
        if runner.train_loop.stop_training:
            for hook in runner.hooks:
                if isinstance(hook, CheckpointHook):
                    hook.save_now(runner, runner.iter)
            self._stop(runner)

    def _check_stop_condition(self, current_score: float) -> tuple[bool, str]:
        if not math.isnan(current_score):
            return super()._check_stop_condition(current_score)
        self.wait_count += 1
        return self.wait_count >= self.patience, f"{self.monitor} is NaN"

    def _stop(self, runner: Runner) -> None:
        """End training after this iteration, and say why."""
        runner.train_loop.stop_training = True
        best: dict[str, Any] = self._summary.best()
        notify(
            f"Stopped early at iteration {runner.iter:,} of {runner.max_iters:,}: in the last "
            f"{self.wait_count} validations {self.monitor} did not rise by {self.min_delta:g} "
            f"above {self.best_score:.2f}. Best: {best[self.monitor]:.2f} (iteration "
            f"{best['iteration']:,}). To train on, resume with a larger patience."
        )
