# SPDX-License-Identifier: Apache-2.0
"""Hook that saves a checkpoint and stops the run after a signal."""

from typing import NoReturn

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.distributed import stop_watching, wait_for_main
from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.engine.resilience.stopping import StopSignals
from rankseg.errors import Stopped

EVERY = 10
"""Iterations between two checks of all processes for a signal."""


class StopHook(Hook):
    """Hook that stops a run after a complete iteration and saves it in a checkpoint.

    During validation the run stops at once. The checkpoint is that of the last training iteration,
    and the resumed run repeats the validation.

    All processes of a run stop together. The check synchronizes processes and the GPU, so it runs
    only every tenth iteration, before a validation, and at the end.
    """

    priority = "LOWEST"

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Stop after this iteration if a signal was received."""
        if get_world_size() > 1 and not self._all_ask(runner):
            return
        if self.signals.after_iteration():
            self.leave(runner, runner.iter + 1, together=True)

    @staticmethod
    def _all_ask(runner: Runner) -> bool:
        """Return True if processes check for signals after this iteration; equal in all."""
        step = runner.iter + 1
        return step % EVERY == 0 or step % runner.val_interval == 0 or step == runner.max_iters

    def after_val_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Stop during validation if a signal was received."""
        if self.signals.between():
            self.leave(runner, runner.iter)

    def leave(self, runner: Runner, step: int, together: bool = False) -> NoReturn:
        """Save a checkpoint after ``step`` iterations, if there is none yet, and stop."""
        stop_watching()  # others may end while this process saves
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        path = hooks[0].save_now(runner, step) if hooks else None
        if together:
            wait_for_main()
        raise Stopped(self.signals.received, step, path)
