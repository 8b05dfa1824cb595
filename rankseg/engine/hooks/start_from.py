# SPDX-License-Identifier: Apache-2.0
"""Starts from the weights of another run: of other classes, by another method."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.method_of import method_of
from rankseg.models.new_classes import make_anew
from rankseg.models.other_method import leave_out
from rankseg.registry import HOOKS


@HOOKS.register_module()
class StartFromHook(Hook):
    """Leaves out of a checkpoint what has no place in this run, and says so.

    That is a classifier of other classes or of another feature, and what the method of the
    checkpoint has beside its student and this one has not, such as a teacher or a bank, or what
    this one has to learn of its own images.

    :class:`~rankseg.engine.runner.StrictRunner` registers it where a run starts from the weights of
    another (``load_from``), not where it is resumed or tested.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Change what is loaded."""
        model = method_of(runner)
        state = checkpoint.get("state_dict", checkpoint)
        left = leave_out(model, state)
        if left:
            runner.logger.info(
                f"load_from: left out {', '.join(left)}, which this method has not or begins anew; "
                "the student's weights are taken"
            )
        anew = make_anew(model, state)
        if anew:
            runner.logger.info(
                "fine-tuning: the checkpoint classifies other classes or features; made anew: "
                f"{', '.join(anew)}; taken from it: the other {len(state) - len(anew)} tensors"
            )
