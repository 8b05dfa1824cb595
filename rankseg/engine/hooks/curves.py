# SPDX-License-Identifier: Apache-2.0
"""Hook that plots the scalars of a run during training."""

import time
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import atomic_write
from rankseg.utils.run_log import read_scalars
from rankseg.visualization.training_curves import draw_training

SHARE = 0.005  # largest share of the run time spent on drawing


@HOOKS.register_module()
class CurvesHook(Hook):
    """Hook that maintains ``curves.png``: losses, confident share, learning rate, validations.

    The plot in the work folder uses the logs of MMEngine's ``LocalVisBackend``, including those
    from before a resume. Drawing takes at most half a percent of the run time: slow drawings
    increase the interval. A failure is logged once and never ends the run.

    Args:
        seconds: Minimum time in seconds between two drawings. The last one follows training.
    """

    priority = "LOWEST"  # after this validation is logged

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self._next = -float("inf")
        self._suppress = SuppressAndLog("curves.png")

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw if the last drawing is old enough."""
        if runner._train_loop is not None and time.monotonic() >= self._next:
            self._draw(runner)

    def after_train(self, runner: Runner) -> None:
        """Draw the whole run."""
        self._draw(runner)

    @master_only
    def _draw(self, runner: Runner) -> None:
        folder, began = Path(runner.work_dir), time.monotonic()
        with self._suppress(runner.logger):
            scalars = read_scalars(folder)
            if scalars.train or scalars.val:
                title = runner.cfg.get("config_file", runner.experiment_name)
                with atomic_write(folder / "curves.png") as partial:
                    draw_training(scalars, partial, title)
        now = time.monotonic()
        self._next = now + max(self.seconds, (now - began) / SHARE)
