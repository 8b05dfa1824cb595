# SPDX-License-Identifier: Apache-2.0
"""Hook that limits the memory of the log."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.errors import expect
from rankseg.registry import HOOKS


@HOOKS.register_module()
class LogLengthHook(Hook):
    """Hook that limits how many values of each scalar MMEngine stores for its log.

    MMEngine stores up to a million, copies all of them to append one, and saves them in every
    checkpoint. The log only needs means over the latest ten, and over the batches of a validation.

    Args:
        length: Number of values stored for each scalar.

    Raises:
        ValueError: If ``length`` is below 1.
    """

    priority = "VERY_LOW"  # after this iteration's scalars are recorded

    def __init__(self, length: int = 2000) -> None:
        expect(length >= 1, "length of LogLengthHook", "1 or more", length)
        self.length = length

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Limit every buffer; a longer one shrinks when the next value is added."""
        for buffer in runner.message_hub.log_scalars.values():
            buffer.max_length = self.length
