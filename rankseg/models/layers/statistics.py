# SPDX-License-Identifier: Apache-2.0
"""Forward passes that leave the running statistics of batch norm unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Keep running statistics unchanged while a module in training mode uses batch statistics.

    Args:
        module: Any module; its batch norm layers are restored on exit.
    """
    norms = [one for one in module.modules() if isinstance(one, _BatchNorm)]
    before = [(one.momentum, one.num_batches_tracked) for one in norms]
    for one in norms:
        one.momentum = 0.0
        if one.num_batches_tracked is not None:
            one.num_batches_tracked = one.num_batches_tracked.clone()
    try:
        yield
    finally:
        for one, (momentum, count) in zip(norms, before, strict=True):
            one.momentum, one.num_batches_tracked = momentum, count
