# SPDX-License-Identifier: Apache-2.0
"""Hook that adapts the weights of a run with other classes or another method."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.unwrap import unwrap_method
from rankseg.models.weights.transfer import (
    add_adapters,
    drop_unknown_parts,
    reinit_classifier,
)
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
                f"load_from: loaded the student's weights, but not {', '.join(left)}, which this "
                "method does not have or initializes itself"
            )
        added = add_adapters(model, state)
        if added:
            runner.logger.info(f"load_from: {added} layers start with new adapters (LoRA)")
        new = reinit_classifier(model, state)
        if new:
            runner.logger.info(
                "fine-tuning: the checkpoint is for other classes or features. Reinitialized "
                f"{', '.join(new)} and loaded the other {len(state) - len(new)} tensors"
            )
