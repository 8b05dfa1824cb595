# SPDX-License-Identifier: Apache-2.0
"""Keeps the log's memory from growing with the run."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.registry import HOOKS


@HOOKS.register_module()
class LogLengthHook(Hook):
    """Bounds how many values of each number mmengine remembers for its log.

    It keeps a million, copies all of them to add one, and saves them in every checkpoint. What is
    logged are means over the latest ten, and after a validation over its batches.

    Args:
        length: Values of each number.

    Raises:
        ValueError: If ``length`` is below 1.
    """

    priority = "VERY_LOW"  # when this iteration's numbers are there

    def __init__(self, length: int = 2000) -> None:
        if length < 1:
            raise ValueError(f"length={length} of LogLengthHook: expected 1 or more")
        self.length = length

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Bound every buffer; one that is too long shrinks with the next value."""
        for buffer in runner.message_hub.log_scalars.values():
            buffer.max_length = self.length
