# SPDX-License-Identifier: Apache-2.0
"""Hook that updates the EMA teacher after every iteration."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.resilience.non_finite import SKIPPED
from rankseg.engine.unwrap import unwrap_method
from rankseg.registry import HOOKS


@HOOKS.register_module()
class EMATeacherHook(Hook):
    """Hook that calls the method's ``update_teacher`` after every optimizer step.

    Methods without a teacher are left alone. The hook runs before checkpoints are written (priority
    ``NORMAL`` against ``VERY_LOW``), so a saved teacher matches the saved student.
    """

    priority = "NORMAL"

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Update the teacher unless :class:`NonFiniteHook` skipped the step."""
        if runner.message_hub.get_info(SKIPPED, False):
            return
        model = unwrap_method(runner)
        if model.teacher is not None:
            model.update_teacher()
