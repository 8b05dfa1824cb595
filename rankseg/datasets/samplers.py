# SPDX-License-Identifier: Apache-2.0
"""Batches of labelled and unlabelled images in a fixed ratio."""

from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from rankseg.registry import DATA_SAMPLERS
from rankseg.structures import SampleKey


class _Passes:
    """Endless passes over ``size`` items, each pass in a fresh order; any position at once."""

    def __init__(self, size: int, seed: tuple[int, int]) -> None:
        self.size, self.seed = size, seed
        self._order: tuple[int, np.ndarray] | None = None

    def __getitem__(self, position: int) -> tuple[int, int]:
        """Item at a position, and the number of the pass that it belongs to."""
        draw, offset = divmod(position, self.size)
        if self._order is None or self._order[0] != draw:
            rng = np.random.default_rng((*self.seed, draw))
            self._order = draw, rng.permutation(self.size)
        return int(self._order[1][offset]), draw


@DATA_SAMPLERS.register_module()
class LabeledUnlabeledSampler(Sampler[SampleKey]):
    """Yield batches of labelled images followed by unlabelled ones, without end.

    Both lists are gone through in passes of their own, each pass in a fresh order seeded by
    (seed, pass). What a pass leaves over after the last whole batch opens the next batch, so every
    image is seen equally often. All processes deal out one common order: process ``r`` of ``w``
    takes every ``w``-th image of it, so their shares are disjoint and together complete. Any
    position is computed directly, so a resumed run starts at once.

    Args:
        dataset: Labelled images first, then unlabelled, with ``num_labeled`` and
            ``num_unlabeled``; such as ``SemiDataset``.
        labeled: Labelled images per batch and process.
        unlabeled: Unlabelled images per batch and process.
        seed: Seed of the orders, the same on every process; ``None`` agrees on a random one.
        labeled_only: Yield only the labelled part, for a supervised baseline of the same length.

    Attributes:
        batch_size: What the dataloader's ``batch_size`` must be.
        iters_per_epoch: Iterations of one pass over the unlabelled images, at least 1.

    Raises:
        ValueError: If a count is below 1, or a list that is drawn from is empty.
    """

    def __init__(
        self,
        dataset: Sized,
        labeled: int,
        unlabeled: int,
        seed: int | None = None,
        labeled_only: bool = False,
    ) -> None:
        for name, count in (("labeled", labeled), ("unlabeled", unlabeled)):
            if count < 1:
                raise ValueError(
                    f"the sampler's {name} must be at least 1 image per batch, got {count}; for a "
                    "supervised baseline set labeled_only=True"
                )
        if dataset.num_labeled < 1 or dataset.num_unlabeled < 1:
            raise ValueError(
                f"the data set has {dataset.num_labeled} labelled and {dataset.num_unlabeled} "
                "unlabelled images: the sampler needs at least one of each"
            )
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.labeled, self.unlabeled = labeled, unlabeled
        self.labeled_only = labeled_only
        self.num_labeled, self.num_unlabeled = dataset.num_labeled, dataset.num_unlabeled
        self._start = 0

    @property
    def batch_size(self) -> int:
        """Samples of one batch on one process."""
        return self.labeled + (0 if self.labeled_only else self.unlabeled)

    @property
    def iters_per_epoch(self) -> int:
        """Iterations of one pass over the unlabelled images, at least 1."""
        return max(1, self.num_unlabeled // (self.unlabeled * self.world_size))

    def __len__(self) -> int:
        """Samples that this process yields in one epoch."""
        return self.iters_per_epoch * self.batch_size

    def __iter__(self) -> Iterator[SampleKey]:
        """Yield keys for ever, from the position set by :meth:`skip`."""
        labeled = _Passes(self.num_labeled, (self.seed, 0))
        unlabeled = _Passes(self.num_unlabeled, (self.seed, 1))
        batch, slot = divmod(self._start, self.batch_size)
        while True:
            for place in range(slot, self.batch_size):
                if place < self.labeled:
                    index, draw = labeled[self._position(batch, place, self.labeled)]
                else:
                    place -= self.labeled
                    index, draw = unlabeled[self._position(batch, place, self.unlabeled)]
                    index += self.num_labeled
                yield SampleKey(index, draw)
            batch, slot = batch + 1, 0

    def _position(self, batch: int, place: int, share: int) -> int:
        """Position in the order common to all processes."""
        return (batch * share + place) * self.world_size + self.rank

    def skip(self, num_samples: int) -> None:
        """Start the next iteration after this many samples of this process, counted from 0.

        Costs nothing: no earlier index is computed.

        Raises:
            ValueError: If ``num_samples`` is negative.
        """
        if num_samples < 0:
            raise ValueError(f"cannot skip {num_samples} samples: the number must not be negative")
        self._start = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the sampler has no end, its passes follow from the position alone."""


def check_batch_size(batch_size: int, labeled: int, unlabeled: int, labeled_only: bool) -> None:
    """Check that a dataloader cuts the sampler's keys where the sampler means it to.

    Raises:
        ValueError: If ``batch_size`` differs from what a :class:`LabeledUnlabeledSampler` yields.
    """
    wanted = labeled + (0 if labeled_only else unlabeled)
    if batch_size != wanted:
        parts = f"labeled={labeled}, unlabeled={unlabeled}"
        parts += ", labeled_only=True" if labeled_only else ""
        raise ValueError(
            f"train_dataloader.batch_size is {batch_size}, but its sampler ({parts}) makes batches "
            f"of {wanted}: set batch_size={wanted}"
        )
