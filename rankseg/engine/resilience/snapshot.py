# SPDX-License-Identifier: Apache-2.0
"""Taking back what a forward pass has written into a model."""

from collections import defaultdict

import torch
from torch import Tensor, nn


class BufferSnapshot:
    """A copy of all buffers of a model: running statistics, banks, queues, counters.

    The copy is made with one call per type of number, without waiting for a device, and into the
    same memory every time. Of a buffer that its module names in ``REPLACED``, because it is never
    written in place but replaced by another tensor, the tensor itself is kept.

    Args:
        model: Whose buffers are copied; they may be replaced between two copies by others of the
            same or another shape.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._saved: dict[tuple[nn.Module, str], Tensor] = {}

    @torch.no_grad()
    def take(self) -> None:
        """Copy all buffers as they are now."""
        sources, copies = defaultdict(list), defaultdict(list)
        saved, self._saved = self._saved, {}
        for module in self.model.modules():
            for name, buffer in module._buffers.items():
                if buffer is None:
                    continue
                if name in getattr(module, "REPLACED", ()):
                    self._saved[module, name] = buffer
                    continue
                copy = saved.get((module, name))
                if copy is None or not _alike(copy, buffer):
                    copy = torch.empty_like(buffer)
                self._saved[module, name] = copy
                kind = buffer.device, buffer.dtype
                sources[kind].append(buffer)
                copies[kind].append(copy)
        for kind, some in sources.items():
            torch._foreach_copy_(copies[kind], some)

    @torch.no_grad()
    def restore(self) -> None:
        """Write back what :meth:`take` copied."""
        for (module, name), copy in self._saved.items():
            buffer = module._buffers[name]
            if name in getattr(module, "REPLACED", ()):
                module._buffers[name] = copy
            elif buffer is not None and _alike(buffer, copy):
                buffer.copy_(copy)
            else:
                module._buffers[name] = copy.clone()


def _alike(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.dtype, one.device) == (other.shape, other.dtype, other.device)
