# SPDX-License-Identifier: Apache-2.0
"""Unlabeled images that were given labels during a run, as buffers of a method."""

import torch
from torch import Tensor, nn


class DiscoveredPool(nn.Module):
    """What :class:`~rankseg.engine.hooks.DiscoveryHook` has discovered; part of checkpoints.

    Args:
        num_classes: ``K``.

    Attributes:
        index: ``(N,)`` int64 indices in the :class:`~rankseg.datasets.SemiDataset`; samples of
            discovered images have them as ``sample_idx``.
        label: ``(N,)`` int64 classes that they were given.
        generation: ``(N,)`` int64 generation of their discovery, from 0.
        step: ``(N,)`` int64 iteration of it within the generation, from 0.
        past: ``(T, M, D)`` float32 features of all images at the latest discoveries, oldest first,
            where the hook is to keep them; else empty.
    """

    NAMES = ("index", "label", "generation", "step")
    REPLACED = (*NAMES, "past")  # buffers that are never written in place, see BufferSnapshot

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
        """Forget all discovered images, but not the features."""
        for name in self.NAMES:
            setattr(self, name, getattr(self, name)[:0])

    def reset(self) -> None:
        """Forget all."""
        self.clear()
        self.past = self.past.new_zeros(0, 0, 0)

    def add(self, index: Tensor, label: Tensor, generation: int, step: int) -> None:
        """Add images.

        Args:
            index: ``(N,)`` int64, none of them in the pool.
            label: ``(N,)`` int64.
            generation: Of this discovery.
            step: Of this discovery.

        Raises:
            ValueError: If shapes or classes do not fit.
        """
        shapes = tuple(index.shape), tuple(label.shape)
        wrong = len(label) and not 0 <= label.min() <= label.max() < self.num_classes
        if shapes != ((len(index),), (len(index),)) or wrong:
            raise ValueError(
                f"discovered indices and labels of shapes {shapes}: expected N and N, labels in "
                f"[0, {self.num_classes})"
            )
        stamps = torch.full_like(index, generation), torch.full_like(index, step)
        for name, new in zip(self.NAMES, (index, label, *stamps), strict=True):
            old = getattr(self, name)
            setattr(self, name, torch.cat((old, new.to(old))))

    def find(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of images in the pool, without waiting for a device.

        Args:
            index: ``(B,)`` ``sample_idx`` of labeled samples, or indices in the data set.

        Returns:
            ``(B,)`` int64 rows, 0 for images that are not in it, and ``(B,)`` bool: which are.
            An empty pool has no row 0.
        """
        if not len(self):
            return torch.zeros_like(index), torch.zeros_like(index, dtype=torch.bool)
        same = index[:, None] == self.index
        return same.int().argmax(1), same.any(1)

    def remember(self, feature: Tensor, number: int) -> None:
        """Keep features of all images, the latest ``number`` of them; ``feature`` is ``(M, D)``."""
        past = self.past if self.past.shape[1:] == feature.shape else self.past.new_zeros(0)
        new = feature.to(self.past)[None]
        self.past = torch.cat((past, new) if len(past) else (new,))[-number:]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Take over as many images as the checkpoint has."""
        for name in self.REPLACED:
            saved = state_dict.get(f"{prefix}{name}")
            if saved is not None:
                setattr(self, name, getattr(self, name).new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
