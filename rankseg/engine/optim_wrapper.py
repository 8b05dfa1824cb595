# SPDX-License-Identifier: Apache-2.0
"""Mixed precision that also works without a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from rankseg.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 on whatever device the model is on.

    bfloat16 has the range of float32, so there is no loss scaling and nothing to tune. mmengine's
    ``AmpOptimWrapper`` refuses to work on a CPU.

    Args:
        **kwargs: Of mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of the forward pass and the losses."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
