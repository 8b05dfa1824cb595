# SPDX-License-Identifier: Apache-2.0
"""Memory of earlier batches, as buffers that are saved, restored and shared by processes."""

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, all_reduce
from torch import Tensor, nn

from rankseg.errors import expect


def gather_rows(rows: Tensor) -> Tensor:
    """Gather equally many rows from all processes, in the order of the sampler.

    Process ``r`` of ``w`` has every ``w``-th row, starting with row ``r``.
    """
    return torch.stack(all_gather(rows.contiguous()), 1).flatten(0, 1)


def check_bank_size(name: str, size: int, images: int, kind: str) -> None:
    """Check that a bank has one entry for every ``"labeled"`` or ``"unlabeled"`` image."""
    expect(size == images, f"model.{name}", f"the number of {kind} images, {images}", size)


class ResizedBuffers(nn.Module):
    """Base class of modules whose buffers get the size of those in the checkpoint being loaded."""

    RESIZED: tuple[str, ...] = ()  # names of these buffers

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        for name in self.RESIZED:
            saved = state_dict.get(f"{prefix}{name}")
            if saved is not None:
                setattr(self, name, getattr(self, name).new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)


class RowMemory(nn.Module):
    """Base class of large memories of which a step overwrites a few rows.

    To undo a step, the overwritten rows are kept instead of a copy of the whole memory, see
    :class:`~rankseg.engine.resilience.snapshot.BufferSnapshot`. Nothing is kept before the first
    :meth:`keep_rows`.
    """

    ROWS: tuple[str, ...] = ()  # buffers that are only written by write_rows

    _overwritten: list[tuple[Tensor, dict[str, Tensor]]] | None = None  # places and rows, in order

    @torch.no_grad()
    def write_rows(self, places: Tensor, rows: dict[str, Tensor]) -> None:
        """Overwrite the rows at ``(B,)`` places without duplicates, by name of the buffer."""
        if self._overwritten is not None:
            old = {name: getattr(self, name)[places] for name in rows}
            self._overwritten.append((places, old))
        for name, new in rows.items():
            getattr(self, name).index_copy_(0, places, new)

    def keep_rows(self) -> None:
        """Begin a step that can be undone."""
        self._overwritten = []

    @torch.no_grad()
    def restore_rows(self) -> None:
        """Undo everything that was written since :meth:`keep_rows`."""
        for places, old in reversed(self._overwritten or []):
            for name, rows in old.items():
                getattr(self, name).index_copy_(0, places, rows)
        self.keep_rows()

    def _load_from_state_dict(self, *args) -> None:
        """Load another content, in which nothing can be undone."""
        self._overwritten = None
        super()._load_from_state_dict(*args)


class FeatureBank(nn.Module):
    r"""Bank with one L2-normalized feature and one label for every labeled image.

    .. math:: z_i \leftarrow normalize(m \, z_i + (1 - m) \, z)

    Args:
        size: Number of images ``N``.
        channels: Feature dimension ``D``.
        momentum: ``m`` in ``[0, 1)``; 0 overwrites. The first feature of an image is stored
            unchanged.

    Attributes:
        feature: ``(N, D)`` float32, zero for images not written yet.
        label: ``(N,)`` int64.
        written: ``(N,)`` bool.

    Raises:
        ValueError: If ``momentum`` is outside ``[0, 1)``.

    Source: SimMatch (CVPR 2022), section 3.4, eq. 12.
    """

    REPLACED = ("feature",)  # buffers never written in place, see BufferSnapshot

    feature: Tensor
    label: Tensor
    written: Tensor

    def __init__(self, size: int, channels: int, momentum: float = 0.0) -> None:
        super().__init__()
        expect(0 <= momentum < 1, "the momentum of a bank", "at least 0 and below 1", momentum)
        self.momentum = momentum
        self.register_buffer("feature", torch.zeros(size, channels))
        self.register_buffer("label", torch.zeros(size, dtype=torch.long))
        self.register_buffer("written", torch.zeros(size, dtype=torch.bool))

    @property
    def full(self) -> Tensor:
        """Return whether every image was written once: ``()`` bool on the device."""
        return self.written.all()

    @torch.no_grad()
    def write(self, index: Tensor, feature: Tensor, label: Tensor) -> None:
        """Write a batch; in distributed training all processes write the batches of all.

        Args:
            index: ``(B,)`` int64 positions of the images.
            feature: ``(B, D)``, normalized here.
            label: ``(B,)`` int64.
        """
        index, feature, label = (gather_rows(rows) for rows in (index, feature.float(), label))
        # Small labeled sets can repeat an image within a batch: store the mean of its views.
        new = torch.zeros_like(self.feature).index_add_(0, index, F.normalize(feature, dim=1))
        new = self.momentum * self.feature + (1 - self.momentum) * F.normalize(new, dim=1)
        found = torch.zeros_like(self.written).index_fill_(0, index, True)
        # Create a new tensor, because the losses of this step still need the old one for backward.
        self.feature = torch.where(found[:, None], F.normalize(new, dim=1), self.feature)
        self.label[index] = label
        self.written |= found


class DistributionQueue(nn.Module):
    """Distribution alignment with the mean predictions of the latest batches.

    Args:
        length: Number of batches to keep.
        num_classes: ``K``.

    Source: ReMixMatch (ICLR 2020), section 3.1, with the queue of CoMatch and SimMatch.
    """

    rows: Tensor
    count: Tensor

    def __init__(self, length: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(length, num_classes))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def align(self, probability: Tensor) -> Tensor:
        """Add the mean of a batch, then divide by the mean of all stored batches and renormalize.

        Rows not filled yet are zero. They shrink the mean, which renormalizing undoes.

        Args:
            probability: ``(B, K)``, rows sum to 1.

        Returns:
            ``(B, K)``, rows sum to 1.
        """
        mean = probability.float().mean(0)
        all_reduce(mean, op="mean")
        self.rows.index_copy_(0, (self.count % len(self.rows))[None], mean[None])
        self.count += 1
        aligned = probability / self.rows.mean(0).clamp(min=torch.finfo(torch.float32).tiny)
        return aligned / aligned.sum(1, keepdim=True)
