# SPDX-License-Identifier: Apache-2.0
"""Saves and leaves when the process is told to stop."""

from typing import NoReturn

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.distributed import wait_for_main
from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.engine.resilience.stopping import StopSignals
from rankseg.errors import Stopped

EVERY = 10
"""Iterations between two questions of several processes whether any of them was told to stop."""


class StopHook(Hook):
    """Ends a run after a whole iteration, with a checkpoint of it.

    In validation nothing is waited for: the checkpoint is of the last iteration of training, and
    the resumed run makes the validation up.

    All processes of a run leave together. To ask each other they have to wait for each other, and
    for the GPU: they do so every tenth iteration, before a validation, and at the end.

    Args:
        signals: What has been received.
    """

    priority = "LOWEST"

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Leave after this iteration, if told to."""
        if get_world_size() > 1 and not self._all_ask(runner):
            return
        if self.signals.after_iteration():
            self.leave(runner, runner.iter + 1, together=True)

    @staticmethod
    def _all_ask(runner: Runner) -> bool:
        """Whether processes ask each other after this iteration; the same in all of them."""
        step = runner.iter + 1
        return step % EVERY == 0 or step % runner.val_interval == 0 or step == runner.max_iters

    def after_val_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Leave the validation, if told to."""
        if self.signals.between():
            self.leave(runner, runner.iter)

    def leave(self, runner: Runner, step: int, together: bool = False) -> NoReturn:
        """Save after ``step`` iterations, if that is not done yet, and leave.

        Args:
            runner: The runner.
            step: Iterations that are done.
            together: All processes come here, and wait until the main one has saved.

        Raises:
            Stopped: Always.
        """
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        path = hooks[0].save_now(runner, step) if hooks else None
        if together:
            wait_for_main()
        raise Stopped(self.signals.received, step, path)
