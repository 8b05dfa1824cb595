# SPDX-License-Identifier: Apache-2.0
"""Saves and leaves when the process is told to stop."""

from typing import NoReturn

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.ending import Stopped
from rankseg.engine.hooks.checkpoint import CheckpointHook
from rankseg.engine.stopping import StopSignals


class StopHook(Hook):
    """Ends a run after a whole iteration, with a checkpoint of it.

    In validation nothing is waited for: the checkpoint is of the last iteration of training, and
    the resumed run makes the validation up. All processes of a run leave together.

    Args:
        signals: What has been received.
    """

    priority = "LOWEST"

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Leave after this iteration, if told to."""
        if self.signals.after_iteration():
            self.leave(runner, runner.iter + 1)

    def after_val_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Leave the validation, if told to."""
        if self.signals.between():
            self.leave(runner, runner.iter)

    def leave(self, runner: Runner, step: int) -> NoReturn:
        """Save after ``step`` iterations, if that is not done yet, and leave.

        Raises:
            Stopped: Always.
        """
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        path = hooks[0].save_now(runner, step) if hooks else None
        raise Stopped(self.signals.received, step, path)
