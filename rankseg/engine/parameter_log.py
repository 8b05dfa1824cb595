# SPDX-License-Identifier: Apache-2.0
"""Short log of the options of parameters, in place of a line for each of them."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger
from torch.optim import Optimizer

from rankseg.utils.terminal import current_terminal

_LINES = ("paramwise_options -- ", "is skipped since its requires_grad=False")
_OPTIONS = ("lr", "weight_decay")


@contextmanager
def short_parameter_log() -> Iterator[None]:
    """Drop the lines that MMEngine logs for every parameter, unless all messages are shown."""
    if current_terminal() is None:
        yield
        return
    logger = MMLogger.get_current_instance()
    logger.addFilter(_is_short)
    try:
        yield
    finally:
        logger.removeFilter(_is_short)


def _is_short(record: logging.LogRecord) -> bool:
    return not any(part in record.getMessage() for part in _LINES)


def describe_options(optimizer: Optimizer) -> list[str]:
    """Describe how many parameters have which learning rate and weight decay, if several."""
    counts: Counter[str] = Counter()
    for group in optimizer.param_groups:
        values = [f"{name}={group[name]:.4g}" for name in _OPTIONS if name in group]
        counts[", ".join(values)] += len(group["params"])
    if len(counts) < 2:
        return []
    return [f"{count} parameters: {values}" for values, count in counts.items()]
