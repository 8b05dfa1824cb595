# SPDX-License-Identifier: Apache-2.0
"""Draws the numbers of a run while it trains."""

import time
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.hooks.harmless import Harmless
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import whole_file
from rankseg.utils.run_log import read_scalars
from rankseg.visualization.training_curves import draw_training

SHARE = 0.005  # of the time of a run that drawing may take


@HOOKS.register_module()
class CurvesHook(Hook):
    """Keeps ``curves.png`` in the work folder: losses, confident share, learning rate, validations.

    It is drawn from what mmengine's ``LocalVisBackend`` has logged, also by the starts before a
    resumed one. Drawing takes half a percent of the time at most: it waits longer where a drawing
    takes long. A run never ends because of it: if drawing fails the log says so, once.

    Args:
        seconds: Least time between two drawings; the last one is made when training has ended.
    """

    priority = "LOWEST"  # when this validation is logged

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self._next = -float("inf")
        self._harmless = Harmless("curves.png")

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw, if the last time is long ago."""
        if runner._train_loop is not None and time.monotonic() >= self._next:
            self._draw(runner)

    def after_train(self, runner: Runner) -> None:
        """Draw the whole run."""
        self._draw(runner)

    @master_only
    def _draw(self, runner: Runner) -> None:
        folder, began = Path(runner.work_dir), time.monotonic()
        with self._harmless(runner.logger):
            scalars = read_scalars(folder)
            if scalars.train or scalars.val:
                title = runner.cfg.get("config_file", runner.experiment_name)
                with whole_file(folder / "curves.png") as partial:
                    draw_training(scalars, partial, title)
        now = time.monotonic()
        self._next = now + max(self.seconds, (now - began) / SHARE)
