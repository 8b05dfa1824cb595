# SPDX-License-Identifier: Apache-2.0
"""Memory of mean shift: the latest targets, and each image's feature from the previous epoch."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.memory.bank import RowMemory, gather_rows


class Targets(NamedTuple):
    """Targets of a batch.

    Attributes:
        feature: ``u``, ``(B, D)`` float32 of length 1.
        label: ``(B,)`` int64 classes, -1 if unknown.
        index: ``(B,)`` int64 indices of the images.
        previous: ``w``, ``(B, D)`` features of the same images in the previous epoch, or ``(B,
            0)``.
        known: ``(B,)`` bool, whether the previous feature exists.
    """

    feature: Tensor
    label: Tensor
    index: Tensor
    previous: Tensor
    known: Tensor


class MeanShiftMemory(RowMemory):
    """First-in, first-out memory of the latest targets, of all processes if distributed.

    Its buffers are the fields of :class:`Targets` for all entries: ``M`` of the paper is
    ``feature``, ``M'`` is ``previous``.

    Args:
        size: Number of entries ``N``; may be smaller than a batch.
        channels: Feature dimension ``D``.
        paired: Also store previous features.

    Attributes:
        written: ``(N,)`` bool, False for entries not written yet.

    Raises:
        ValueError: If ``size`` is below 1.

    Source: CMSF (ECCV 2022), sections 2 and 2.1.
    """

    ROWS = Targets._fields

    feature: Tensor
    label: Tensor
    index: Tensor
    previous: Tensor
    known: Tensor
    written: Tensor
    place: Tensor

    def __init__(self, size: int, channels: int, paired: bool = False) -> None:
        super().__init__()
        expect(size >= 1, "model.memory_size", "1 or more", size)
        self.register_buffer("feature", torch.zeros(size, channels))
        self.register_buffer("label", torch.full((size,), -1))
        self.register_buffer("index", torch.full((size,), -1))
        self.register_buffer("previous", torch.zeros(size, channels if paired else 0))
        self.register_buffer("known", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("written", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))  # index of the next entry

    @torch.no_grad()
    def write(self, targets: Targets) -> None:
        """Replace the oldest entries by a batch; a batch beyond the size keeps its last rows."""
        size = len(self.feature)
        rows = [gather_rows(part)[-size:] for part in targets]
        count = len(rows[0])
        places = (self.place + torch.arange(count, device=self.place.device)) % size
        self.write_rows(places, Targets(*rows)._asdict())
        self.written.index_fill_(0, places, True)
        self.place += count


class _Waiting(NamedTuple):
    """Rows being copied from the device, written in step ``number``."""

    number: int
    index: Tensor
    feature: Tensor
    arrived: "torch.cuda.Event | None"


class PreviousFeatures(nn.Module):
    """The latest feature of every image of a data set, in CPU memory.

    The features stay on the CPU in half precision, even if the model is on a GPU: 1.28 million
    images with 512 channels take 1.3 GB per slot, 2.6 GB in total, in every process and every
    checkpoint. Rows are copied from the device without waiting, and are stored when the next step
    reads.

    Each image has two slots. A new feature goes to the unused slot, and ``used`` then switches to
    it. A step that is rolled back therefore leaves nothing to repair, and the large buffer need not
    be copied for rollback (see :class:`~rankseg.engine.resilience.snapshot.BufferSnapshot`).

    Args:
        size: Number of images.
        channels: Feature dimension ``D``.

    Source: CMSF (ECCV 2022), section 2.1 (a cache in CPU memory); two slots per image as in its
        released code.
    """

    REPLACED = ("feature",)  # nothing reads what a rolled-back step wrote

    feature: Tensor
    used: Tensor
    steps: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("feature", torch.zeros(size, 2, channels, dtype=torch.float16))
        self.register_buffer("used", torch.zeros(size, dtype=torch.uint8))  # 0: none, 1 or 2: slot
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._waiting: _Waiting | None = None

    def _apply(self, fn, recurse: bool = True) -> "PreviousFeatures":
        """Stay on the CPU, in half precision."""
        return self

    def read(self, index: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return ``(B, D)`` float32 features of images, and ``(B,)`` bool, whether they exist.

        Args:
            index: ``(B,)`` indices of the images.
            device: Device of the result.
        """
        self.store()
        used = self.used.numpy()[index]
        rows = self.feature.numpy()[index, used.clip(1) - 1]
        found = (torch.from_numpy(part) for part in (rows.astype(np.float32), used > 0))
        return tuple(part.to(device, non_blocking=True) for part in found)

    @torch.no_grad()
    def write(self, index: Tensor, feature: Tensor) -> None:
        """Queue the features of a batch; each process stores those of all processes.

        Args:
            index: ``(B,)`` int64 indices of the images.
            feature: ``(B, D)``.
        """
        self.store()
        rows = [gather_rows(index), gather_rows(feature).half()]
        self.steps += 1
        arrived = None
        if feature.is_cuda:
            rows = [part.to("cpu", non_blocking=True) for part in rows]
            arrived = torch.cuda.Event()
            arrived.record()
        else:  # other devices copy at once
            rows = [part.cpu() for part in rows]
        self._waiting = _Waiting(int(self.steps.numpy()), *rows, arrived)

    def store(self) -> None:
        """Store queued rows, unless their step was rolled back."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.number != int(self.steps.numpy()):
            return
        if waiting.arrived is not None:
            waiting.arrived.synchronize()
        index, used = waiting.index.numpy(), self.used.numpy()
        free = used[index] % 2 + 1  # of duplicates, the last feature stays
        self.feature.numpy()[index, free - 1] = waiting.feature.numpy()
        used[index] = free

    def _save_to_state_dict(self, *args) -> None:
        """Store queued rows before saving."""
        self.store()
        super()._save_to_state_dict(*args)

    def _load_from_state_dict(self, *args) -> None:
        """Drop queued rows before loading."""
        self._waiting = None
        super()._load_from_state_dict(*args)
