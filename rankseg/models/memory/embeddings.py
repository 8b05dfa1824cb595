# SPDX-License-Identifier: Apache-2.0
"""Memory of metric learning: embeddings and labels of past batches, and the clusters."""

import torch
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.memory.bank import ResizedBuffers, RowMemory, gather_rows


class EmbeddingMemory(RowMemory):
    """First-in, first-out memory of embeddings and labels of the latest batches.

    In distributed training it holds those of all processes. The number of entries is kept on the
    CPU, so that reading does not wait for the GPU.

    Args:
        size: Number of entries ``N``, for example the number of training images.
        channels: Embedding dimension ``D``.

    Attributes:
        embedding: ``(N, D)`` float32.
        label: ``(N,)`` int64.
        count: ``()`` int64 on the CPU: entries written since the memory was last empty.

    Raises:
        ValueError: If ``size`` is below 1.

    Source: Cross-Batch Memory (CVPR 2020), section 3.2; chapter 4 of the dissertation, section
        4.3.2.
    """

    ROWS = ("embedding", "label")

    embedding: Tensor
    label: Tensor
    count: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        expect(size >= 1, "model.memory.size", "1 or more", size)
        self.register_buffer("embedding", torch.zeros(size, channels))
        self.register_buffer("label", torch.full((size,), -1))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return min(int(self.count.numpy()), len(self.label))

    def _apply(self, fn, recurse: bool = True) -> "EmbeddingMemory":
        """Move all buffers but the count, which stays on the CPU."""
        count = self.count
        super()._apply(fn, recurse)
        self.count = count
        return self

    def read(self) -> tuple[Tensor, Tensor]:
        """Return copies of the stored embeddings ``(n, D)`` and labels ``(n,)``."""
        return self.embedding[: len(self)].clone(), self.label[: len(self)].clone()

    @torch.no_grad()
    def write(self, embedding: Tensor, label: Tensor) -> None:
        """Replace the oldest entries by a batch; a batch beyond the size keeps its last rows.

        Args:
            embedding: ``(B, D)``.
            label: ``(B,)`` int64.
        """
        size = len(self.label)
        rows = gather_rows(embedding.float())[-size:], gather_rows(label)[-size:]
        count = len(rows[1])
        begin = int(self.count.numpy())
        places = torch.arange(begin, begin + count, device=label.device) % size
        self.write_rows(places, dict(embedding=rows[0], label=rows[1]))
        self.count += count

    def clear(self) -> None:
        """Remove all entries."""
        self.count.zero_()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Start empty if the checkpoint has a memory of another size."""
        saved = state_dict.get(f"{prefix}embedding")
        if saved is not None and saved.shape != self.embedding.shape:
            self.clear()
            for name, value in self.named_buffers():
                state_dict[f"{prefix}{name}"] = value
        super()._load_from_state_dict(state_dict, prefix, *args)


class Clusters(ResizedBuffers):
    """Clusters of all training images, computed by :class:`~rankseg.engine.hooks.ClusterHook`.

    The buffer ``centre`` keeps its name, which is part of checkpoints.

    Attributes:
        label: ``(N,)`` int64 cluster of every image, in the order of the data set; initially empty.
        centre: ``(K, D)`` float32 centers, constants in a loss; initially empty.
    """

    REPLACED = RESIZED = ("label", "centre")  # never written in place, see BufferSnapshot

    label: Tensor
    centre: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("label", torch.zeros(0, dtype=torch.long))
        self.register_buffer("centre", torch.zeros(0, 0))

    def __len__(self) -> int:
        """Return the number of clusters ``K``."""
        return len(self.centre)

    def set(self, label: Tensor, center: Tensor) -> None:
        """Replace all clusters.

        Args:
            label: ``(N,)`` int64 below ``K``.
            center: ``(K, D)``.

        Raises:
            ValueError: If shapes or labels do not match.
        """
        if label.ndim != 1 or center.ndim != 2 or not 0 <= label.min() <= label.max() < len(center):
            raise ValueError(
                f"Expected N cluster labels below K and centers of shape (K, D), but got labels of "
                f"shape {tuple(label.shape)} from {label.min()} to {label.max()} and centers of "
                f"shape {tuple(center.shape)}."
            )
        self.label = label.to(self.label)
        self.centre = center.to(self.centre)
