# SPDX-License-Identifier: Apache-2.0
"""Snapshots of model buffers, to undo the updates of a forward pass."""

from collections import defaultdict

import torch
from torch import Tensor, nn

from rankseg.models.memory.bank import RowMemory


class BufferSnapshot:
    """Copy of all buffers of a model: running statistics, memory banks, queues, counters.

    Copying takes one call per device and dtype, does not synchronize the device, and reuses the
    same memory. Buffers that a module lists in ``REPLACED`` are never written in place but
    replaced by another tensor, also of another shape, so the snapshot keeps a reference instead of
    a copy. A :class:`~rankseg.models.memory.bank.RowMemory` keeps the rows that it overwrites
    itself, so its large buffers are not copied.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._saved: dict[tuple[nn.Module, str], Tensor] = {}

    @torch.no_grad()
    def take(self) -> None:
        """Copy the current state of all buffers."""
        sources, copies = defaultdict(list), defaultdict(list)
        saved, self._saved = self._saved, {}
        for module in self.model.modules():
            if isinstance(module, RowMemory):
                module.keep_rows()
            for name, buffer in module._buffers.items():
                if buffer is None or name in getattr(module, "ROWS", ()):
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
        """Restore the buffers that :meth:`take` copied."""
        for module in self.model.modules():
            if isinstance(module, RowMemory):
                module.restore_rows()
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
