# SPDX-License-Identifier: Apache-2.0
"""Hook that runs a validation that an interrupted run missed."""

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from rankseg.engine.resilience.checkpoint_hook import VALIDATED


class MissedValidationHook(Hook):
    """Hook that validates a resumed run first if its checkpoint lacks that validation.

    A checkpoint is written before the validation of the same iteration and again after it. If the
    run ended in between, the best result would miss that validation.
    """

    priority = "LOWEST"

    def before_train_epoch(self, runner: Runner) -> None:
        """Validate if the checkpoint's iteration was due for validation and has none."""
        loop = runner.train_loop
        if not (runner.iter and runner.val_loop and isinstance(loop, IterBasedTrainLoop)):
            return
        loop._decide_current_val_interval()
        due = runner.iter % loop.val_interval == 0 or runner.iter == loop.max_iters
        known = runner.message_hub.runtime_info.get(VALIDATED) == runner.iter
        if due and runner.iter >= loop.val_begin and not known:
            runner.logger.info(
                f"Validating iteration {runner.iter} first, because the run had ended before it "
                "saved a checkpoint with this validation"
            )
            # restore the value at the end of that iteration; a starting run sets the next one
            runner.message_hub.update_info("iter", runner.iter - 1)
            runner.val_loop.run()
