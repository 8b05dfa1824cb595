# SPDX-License-Identifier: Apache-2.0
"""What metric learning remembers: embeddings and labels of past batches, and the clusters."""

import torch
from torch import Tensor, nn

from rankseg.models.memory import gather_rows


class EmbeddingMemory(nn.Module):
    """Embeddings and labels of the latest batches, first in, first out; under several processes
    those of all.

    How many there are is known to the host, so that reading does not wait for a device.

    Args:
        size: Number of entries ``N``, such as that of the training images.
        channels: Length of an embedding ``D``.

    Attributes:
        embedding: ``(N, D)`` float32.
        label: ``(N,)`` int64.
        count: ``()`` int64 on the host: entries written since the memory was empty.

    Raises:
        ValueError: If ``size`` is below 1.

    Source: Cross-Batch Memory (CVPR 2020), section 3.2; chapter 4 of the dissertation, section
        4.3.2.
    """

    embedding: Tensor
    label: Tensor
    count: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"model.memory.size={size}: expected 1 entry or more")
        self.register_buffer("embedding", torch.zeros(size, channels))
        self.register_buffer("label", torch.full((size,), -1))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return min(int(self.count.numpy()), len(self.label))

    def _apply(self, fn, recurse: bool = True) -> "EmbeddingMemory":
        """Move all but the count, which stays on the host."""
        count = self.count
        super()._apply(fn, recurse)
        self.count = count
        return self

    def read(self) -> tuple[Tensor, Tensor]:
        """Copies of the embeddings ``(n, D)`` and labels ``(n,)`` that are there."""
        return self.embedding[: len(self)].clone(), self.label[: len(self)].clone()

    @torch.no_grad()
    def write(self, embedding: Tensor, label: Tensor) -> None:
        """Replace the oldest entries by a batch; of one larger than the memory the last stay.

        Args:
            embedding: ``(B, D)``.
            label: ``(B,)`` int64.
        """
        size = len(self.label)
        rows = gather_rows(embedding.float())[-size:], gather_rows(label)[-size:]
        count = len(rows[1])
        begin = int(self.count.numpy())
        places = torch.arange(begin, begin + count, device=label.device) % size
        self.embedding.index_copy_(0, places, rows[0])
        self.label.index_copy_(0, places, rows[1])
        self.count += count

    def clear(self) -> None:
        """Forget all."""
        self.count.zero_()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Begin empty where the checkpoint has a memory of another size."""
        saved = state_dict.get(f"{prefix}embedding")
        if saved is not None and saved.shape != self.embedding.shape:
            self.clear()
            for name, value in self.named_buffers():
                state_dict[f"{prefix}{name}"] = value
        super()._load_from_state_dict(state_dict, prefix, *args)


class Clusters(nn.Module):
    """Clusters of all training images, as :class:`~rankseg.engine.hooks.ClusterHook` found them.

    Attributes:
        label: ``(N,)`` int64 cluster of every image, in the order of the data set; empty before.
        centre: ``(K, D)`` float32, constants to a loss; empty before.
    """

    REPLACED = ("label", "centre")  # buffers that are never written in place, see BufferSnapshot

    label: Tensor
    centre: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("label", torch.zeros(0, dtype=torch.long))
        self.register_buffer("centre", torch.zeros(0, 0))

    def __len__(self) -> int:
        """Number of clusters ``K``."""
        return len(self.centre)

    def set(self, label: Tensor, centre: Tensor) -> None:
        """Replace all.

        Args:
            label: ``(N,)`` int64 below ``K``.
            centre: ``(K, D)``.

        Raises:
            ValueError: If shapes or labels do not fit.
        """
        if label.ndim != 1 or centre.ndim != 2 or not 0 <= label.min() <= label.max() < len(centre):
            raise ValueError(
                f"clusters: labels of shape {tuple(label.shape)} from {label.min()} to "
                f"{label.max()}, and centres of shape {tuple(centre.shape)}: expected N labels "
                "below K, and (K, D)"
            )
        self.label = label.to(self.label)
        self.centre = centre.to(self.centre)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Take over as many images and clusters as the checkpoint has."""
        for name in self.REPLACED:
            saved = state_dict.get(f"{prefix}{name}")
            if saved is not None:
                setattr(self, name, getattr(self, name).new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
