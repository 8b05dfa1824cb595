# SPDX-License-Identifier: Apache-2.0
"""Mixed precision that also works without a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.optim import OptimWrapper
from torch import nn

from rankseg.registry import OPTIM_WRAPPERS
from rankseg.utils.bfloat16 import autocast_bfloat16


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Optimizer wrapper that runs the forward pass in bfloat16 on a GPU or CPU.

    Devices that only emulate bfloat16 use float32, which is faster there.
    bfloat16 has the range of float32, so it needs no loss scaling or tuning. MMEngine's
    ``AmpOptimWrapper`` does not support CPUs.

    Args:
        **kwargs: Arguments of MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the context for the forward pass and the losses."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), autocast_bfloat16(device):
            yield
