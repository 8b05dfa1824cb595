# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes weights that were trained for other classes."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from rankseg.models.new_classes import make_anew
from rankseg.registry import HOOKS


@HOOKS.register_module()
class NewClassesHook(Hook):
    """Leaves out the classifier of a checkpoint with another number of classes, and says so.

    :class:`~rankseg.engine.runner.StrictRunner` registers it where a run starts from the weights of
    another (``load_from``), not where it is resumed or tested.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the model's own values in place of those of other classes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        state = checkpoint.get("state_dict", checkpoint)
        anew = make_anew(model, state)
        if anew:
            runner.logger.info(
                "fine-tuning: the checkpoint is of another number of classes; made anew: "
                f"{', '.join(anew)}; taken from it: the other {len(state) - len(anew)} tensors"
            )
