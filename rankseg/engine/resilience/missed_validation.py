# SPDX-License-Identifier: Apache-2.0
"""Makes up the validation that a run was ended before."""

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from rankseg.engine.resilience.checkpoint_hook import VALIDATED


class MissedValidationHook(Hook):
    """Validates before the first iteration of a resumed run, where its checkpoint is not validated.

    A checkpoint is written before the validation of the same iteration, and once more after it. If
    the run ended between the two, the best so far would miss that validation.
    """

    priority = "LOWEST"

    def before_train_epoch(self, runner: Runner) -> None:
        """Validate, if the iteration of the checkpoint was one of validation."""
        loop = runner.train_loop
        if not (runner.iter and runner.val_loop and isinstance(loop, IterBasedTrainLoop)):
            return
        loop._decide_current_val_interval()
        due = runner.iter % loop.val_interval == 0 or runner.iter == loop.max_iters
        known = runner.message_hub.runtime_info.get(VALIDATED) == runner.iter
        if due and runner.iter >= loop.val_begin and not known:
            runner.logger.info(
                f"validating iteration {runner.iter} first: the run had ended before a checkpoint "
                "was saved with this validation"
            )
            # as it stood when that iteration had ended; a run that begins notes the next one
            runner.message_hub.update_info("iter", runner.iter - 1)
            runner.val_loop.run()
