# SPDX-License-Identifier: Apache-2.0
"""What mean shift remembers: the latest targets, and of every image that of the pass before."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rankseg.models.memory import gather_rows


class Targets(NamedTuple):
    """Targets of a batch.

    Attributes:
        feature: ``u``, ``(B, D)`` float32 of length 1.
        label: ``(B,)`` int64 classes, -1 where there is none.
        index: ``(B,)`` int64 numbers of the images.
        previous: ``w``, ``(B, D)`` features of the same images in the pass before, or ``(B, 0)``.
        known: ``(B,)`` bool, whether there is one.
    """

    feature: Tensor
    label: Tensor
    index: Tensor
    previous: Tensor
    known: Tensor


class MeanShiftMemory(nn.Module):
    """The latest targets, first in, first out; under several processes those of all.

    Its buffers are the fields of :class:`Targets` for all entries: ``M`` of the paper is
    ``feature``, ``M'`` is ``previous``.

    Args:
        size: Number of entries ``N``; any, also less than a batch.
        channels: Length of a feature ``D``.
        paired: Remember previous features too.

    Attributes:
        written: ``(N,)`` bool, false where nothing was written yet.

    Raises:
        ValueError: If ``size`` is below 1.

    Source: CMSF (ECCV 2022), sections 2 and 2.1.
    """

    feature: Tensor
    label: Tensor
    index: Tensor
    previous: Tensor
    known: Tensor
    written: Tensor
    place: Tensor

    def __init__(self, size: int, channels: int, paired: bool = False) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"model.memory_size={size}: expected 1 entry or more")
        self.register_buffer("feature", torch.zeros(size, channels))
        self.register_buffer("label", torch.full((size,), -1))
        self.register_buffer("index", torch.full((size,), -1))
        self.register_buffer("previous", torch.zeros(size, channels if paired else 0))
        self.register_buffer("known", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("written", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))  # of the next entry

    @torch.no_grad()
    def write(self, targets: Targets) -> None:
        """Replace the oldest entries by a batch; of one larger than the memory the last stay."""
        size = len(self.feature)
        rows = [gather_rows(part)[-size:] for part in targets]
        count = len(rows[0])
        places = (self.place + torch.arange(count, device=self.place.device)) % size
        for name, part in zip(Targets._fields, rows, strict=True):
            getattr(self, name).index_copy_(0, places, part)
        self.written.index_fill_(0, places, True)
        self.place += count


class _Waiting(NamedTuple):
    """Rows on their way from the device, in the step that ``number`` counts."""

    number: int
    index: Tensor
    feature: Tensor
    arrived: "torch.cuda.Event | None"


class PreviousFeatures(nn.Module):
    """The latest feature of every image of a data set, in the memory of the host.

    It stays there whatever device the model goes to, in half precision: of 1.28 million images and
    512 channels it is 2.6 GB, in every process and in every checkpoint. Rows leave the device
    without the host waiting for them, and are stored when the next step reads.

    Each image has two places. A new feature goes where the one in use does not lie, and is in use
    once ``used`` says so: a step that is taken back leaves nothing to repair, and the large buffer
    need not be copied for that (see :class:`~rankseg.engine.resilience.snapshot.BufferSnapshot`).

    Args:
        size: Number of images.
        channels: Length of a feature ``D``.

    Source: CMSF (ECCV 2022), section 2.1 (a cache in CPU memory); two places per image as in its
        released code.
    """

    REPLACED = ("feature",)  # what a step that is taken back wrote, nobody reads

    feature: Tensor
    used: Tensor
    steps: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("feature", torch.zeros(size, 2, channels, dtype=torch.float16))
        self.register_buffer("used", torch.zeros(size, dtype=torch.uint8))  # 0 none, else 1 or 2
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._waiting: _Waiting | None = None

    def _apply(self, fn, recurse: bool = True) -> "PreviousFeatures":
        """Stay on the host, in half precision."""
        return self

    def read(self, index: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Features of some images, ``(B, D)`` float32, and whether there are any, ``(B,)`` bool.

        Args:
            index: ``(B,)`` numbers of the images.
            device: Where they are wanted.
        """
        self.store()
        used = self.used.numpy()[index]
        rows = self.feature.numpy()[index, used.clip(1) - 1]
        found = (torch.from_numpy(part) for part in (rows.astype(np.float32), used > 0))
        return tuple(part.to(device, non_blocking=True) for part in found)

    @torch.no_grad()
    def write(self, index: Tensor, feature: Tensor) -> None:
        """Keep the features of a batch; under several processes all keep those of all.

        Args:
            index: ``(B,)`` int64 numbers of the images.
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
        self._waiting = _Waiting(int(self.steps.numpy()), *rows, arrived)

    def store(self) -> None:
        """Store what waits, unless its step was taken back."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.number != int(self.steps.numpy()):
            return
        if waiting.arrived is not None:
            waiting.arrived.synchronize()
        index, used = waiting.index.numpy(), self.used.numpy()
        free = used[index] % 2 + 1  # of an image that is there twice, the last feature stays
        self.feature.numpy()[index, free - 1] = waiting.feature.numpy()
        used[index] = free

    def _save_to_state_dict(self, *args) -> None:
        """Save what waits as well."""
        self.store()
        super()._save_to_state_dict(*args)

    def _load_from_state_dict(self, *args) -> None:
        """Forget what waits."""
        self._waiting = None
        super()._load_from_state_dict(*args)
