# SPDX-License-Identifier: Apache-2.0
"""Pool of unlabeled images that were assigned labels during a run, as buffers of a method."""

import torch
from torch import Tensor

from rankseg.models.memory.bank import ResizedBuffers


class DiscoveredPool(ResizedBuffers):
    """Images discovered by :class:`~rankseg.engine.hooks.DiscoveryHook`; part of checkpoints.

    Args:
        num_classes: ``K``.

    Attributes:
        index: ``(N,)`` int64 indices in the :class:`~rankseg.datasets.SemiDataset`, equal to the
            ``sample_idx`` of the samples.
        label: ``(N,)`` int64 classes assigned to them.
        generation: ``(N,)`` int64 generation of the discovery, from 0.
        step: ``(N,)`` int64 iteration of the discovery within the generation, from 0.
        past: ``(T, M, D)`` float32 features of all images at the latest discoveries, oldest first,
            if the hook keeps them; otherwise empty.
    """

    NAMES = ("index", "label", "generation", "step")
    REPLACED = RESIZED = (*NAMES, "past")  # never written in place, see BufferSnapshot

    index: Tensor
    label: Tensor
    generation: Tensor
    step: Tensor
    past: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        for name in self.NAMES:
            self.register_buffer(name, torch.zeros(0, dtype=torch.long))
        self.register_buffer("past", torch.zeros(0, 0, 0))

    def __len__(self) -> int:
        return len(self.index)

    def clear(self) -> None:
        """Remove all discovered images, but keep the features."""
        for name in self.NAMES:
            setattr(self, name, getattr(self, name)[:0])

    def reset(self) -> None:
        """Remove all discovered images and the features."""
        self.clear()
        self.past = self.past.new_zeros(0, 0, 0)

    def add(self, index: Tensor, label: Tensor, generation: int, step: int) -> None:
        """Add images to the pool.

        Args:
            index: ``(N,)`` int64, none of them in the pool yet.
            label: ``(N,)`` int64.
            generation: Generation of this discovery.
            step: Iteration of this discovery within the generation.

        Raises:
            ValueError: If shapes or classes do not match.
        """
        shapes = tuple(index.shape), tuple(label.shape)
        wrong = len(label) and not 0 <= label.min() <= label.max() < self.num_classes
        if shapes != ((len(index),), (len(index),)) or wrong:
            raise ValueError(
                f"Expected N discovered indices and N labels from 0 to {self.num_classes - 1}, but "
                f"got shapes {shapes} and labels {label.unique().tolist()}."
            )
        stamps = torch.full_like(index, generation), torch.full_like(index, step)
        for name, new in zip(self.NAMES, (index, label, *stamps), strict=True):
            old = getattr(self, name)
            setattr(self, name, torch.cat((old, new.to(old))))

    def find(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Find the rows of images in the pool, without waiting for the device.

        Args:
            index: ``(B,)`` ``sample_idx`` of labeled samples, or indices in the data set.

        Returns:
            ``(B,)`` int64 rows, 0 for images that are not in the pool, and ``(B,)`` bool, whether
            they are in it. An empty pool has no row 0.
        """
        if not len(self):
            return torch.zeros_like(index), torch.zeros_like(index, dtype=torch.bool)
        same = index[:, None] == self.index
        return same.int().argmax(1), same.any(1)

    def remember(self, feature: Tensor, number: int) -> None:
        """Append ``(M, D)`` features of all images, and keep only the latest ``number`` of them."""
        past = self.past if self.past.shape[1:] == feature.shape else self.past.new_zeros(0)
        new = feature.to(self.past)[None]
        self.past = torch.cat((past, new) if len(past) else (new,))[-number:]
