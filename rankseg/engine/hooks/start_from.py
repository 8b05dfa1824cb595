# SPDX-License-Identifier: Apache-2.0
"""Hook that adapts the weights of a run with other classes or another method."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.unwrap import unwrap_method
from rankseg.models.weights.transfer import drop_unknown_parts, reinit_classifier
from rankseg.registry import HOOKS


@HOOKS.register_module()
class StartFromHook(Hook):
    """Hook that drops incompatible entries of a checkpoint and logs them.

    It drops a classifier for other classes or features, parts of the checkpoint's method that this
    method lacks, such as a teacher or a memory bank, and state that depends on the run's own
    images.

    :class:`~rankseg.engine.runner.StrictRunner` registers the hook if a run starts from the weights
    of another (``load_from``), not if it is resumed or tested.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remove or replace incompatible entries before they are loaded."""
        model = unwrap_method(runner)
        state = checkpoint.get("state_dict", checkpoint)
        left = drop_unknown_parts(model, state)
        if left:
            runner.logger.info(
                f"load_from: left out {', '.join(left)}, which this method has not or begins anew; "
                "the student's weights are taken"
            )
        anew = reinit_classifier(model, state)
        if anew:
            runner.logger.info(
                "fine-tuning: the checkpoint classifies other classes or features; made anew: "
                f"{', '.join(anew)}; taken from it: the other {len(state) - len(anew)} tensors"
            )
