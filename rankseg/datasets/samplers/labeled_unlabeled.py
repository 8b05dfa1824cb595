# SPDX-License-Identifier: Apache-2.0
"""Sampler of batches with a fixed ratio of labeled and unlabeled images."""

from collections.abc import Iterator, Sequence, Sized

import numpy as np

from rankseg.datasets.samplers.base import TrainSampler
from rankseg.errors import expect
from rankseg.registry import DATA_SAMPLERS
from rankseg.structures import SampleKey

LISTS = ("labeled", "unlabeled")


class _Passes:
    """Endless sequence of shuffled passes over some items, with random access."""

    def __init__(self, items: Sequence[int], seed: tuple[int, int], first: int = 0) -> None:
        self.items, self.seed, self.first = np.asarray(items), seed, first
        self._order: tuple[int, np.ndarray] | None = None

    def __getitem__(self, position: int) -> tuple[int, int]:
        """Return the item at a position and the number of its pass."""
        draw, offset = divmod(position, len(self.items))
        draw += self.first
        if self._order is None or self._order[0] != draw:
            rng = np.random.default_rng((*self.seed, draw))
            self._order = draw, self.items[rng.permutation(len(self.items))]
        return int(self._order[1][offset]), draw


@DATA_SAMPLERS.register_module()
class LabeledUnlabeledSampler(TrainSampler):
    """Infinite sampler of batches of labeled images followed by unlabeled ones.

    Labeled and unlabeled images are iterated in separate passes; each pass has a new order seeded
    by
    (seed, pass). Images left over from a pass after its last full batch open the next batch, so
    every image is used equally often. All processes share one global order: process ``r`` of ``w``
    takes every ``w``-th image, so the shares are disjoint and together complete. Any position is
    computed directly, so a resumed run starts immediately. Unlabeled images can receive labels
    during training, see :meth:`set_labels`.

    Args:
        dataset: Data set of labeled images followed by unlabeled ones, with ``num_labeled`` and
            ``num_unlabeled``, such as ``SemiDataset``.
        labeled: Number of labeled images per batch and process; 0 yields only unlabeled images.
        unlabeled: Number of unlabeled images per batch and process.
        seed: Random seed, the same on every process; if ``None``, the processes agree on a random
            one.
        labeled_only: Yield only the labeled part, for a supervised baseline.
        labeled_batches: Number of first batches that hold only labeled images, ``labeled +
            unlabeled`` of them, for a supervised first stage.
        epoch_of: List of which one pass is an epoch: ``"unlabeled"``, which gives a supervised
            baseline the length of the other methods, or ``"labeled"``, as for the supervised
            baselines of UniMatch's released code. Without unlabeled images it is ``"labeled"``.

    Attributes:
        batch_size: Required ``batch_size`` of the dataloader.
        iters_per_epoch: Number of iterations of one pass over the list of ``epoch_of``, at least 1.

    Raises:
        ValueError: If a batch would be empty, a list that the batches need is empty, or
            ``epoch_of`` is unknown.
    """

    def __init__(
        self,
        dataset: Sized,
        labeled: int,
        unlabeled: int,
        seed: int | None = None,
        labeled_only: bool = False,
        labeled_batches: int = 0,
        epoch_of: str = "unlabeled",
    ) -> None:
        name = "labeled_batches of the sampler"
        expect(labeled_batches >= 0, name, "0 or more", labeled_batches)
        name = "train_dataloader.sampler.epoch_of"
        expect(epoch_of in LISTS, name, f"one of {LISTS}", epoch_of)
        for name, count, least in (("labeled", labeled, labeled_only), ("unlabeled", unlabeled, 1)):
            if count < least:
                raise ValueError(
                    f"Expected {name} of the sampler to be at least {int(least)} images per batch, "
                    f"but got {count}. For a supervised baseline, set labeled_only=True."
                )
        if (labeled and not dataset.num_labeled) or not (labeled_only or dataset.num_unlabeled):
            raise ValueError(
                "Expected the data set to have labeled and unlabeled images, but got "
                f"{dataset.num_labeled} labeled and {dataset.num_unlabeled} unlabeled ones. Set "
                "labeled=0 to draw no labeled images, or labeled_only=True to draw no unlabeled "
                "ones."
            )
        super().__init__(dataset, seed)
        self.labeled, self.unlabeled = labeled, unlabeled
        self.labeled_only = labeled_only
        self.labeled_batches = labeled_batches
        self.epoch_of = epoch_of
        self.set_labels((), (), 0)

    @property
    def parts(self) -> tuple[int, int]:
        """See the base class."""
        return self.labeled, 0 if self.labeled_only else self.unlabeled

    @property
    def iters_per_epoch(self) -> int:
        """Number of iterations of one pass over the list that an epoch counts."""
        size, share = self.num_unlabeled, self.unlabeled
        if not size or (self.epoch_of == "labeled" and self.labeled):
            size, share = self.num_labeled, self.labeled
        return max(1, size // (share * self.world_size))

    def set_labels(
        self, index: Sequence[int], label: Sequence[int], batch: int, leave: bool = True
    ) -> None:
        """Use unlabeled images as labeled images from a batch on.

        The labels replace those of an earlier call. Passes over both parts restart at that batch
        with unused pass numbers, so that images get new augmentations. Takes effect in the next
        iteration over the sampler.

        Args:
            index: Data set indices of unlabeled images, without repetition.
            label: Classes of these images.
            batch: Number of the first batch, counted from 0.
            leave: Remove these images from the unlabeled ones.

        Raises:
            ValueError: If an index is not that of an unlabeled image, no unlabeled image is left,
                or the batch is one of the first, which hold only labeled images.
        """
        if len(index) and batch < self.labeled_batches:
            raise ValueError(
                f"Expected labels from batch {self.labeled_batches} on, as the batches before hold "
                f"only given labels, but got batch={batch}. Discover later, or set a smaller "
                "labeled_batches of the sampler."
            )
        unlabeled = range(self.num_labeled, self.num_labeled + self.num_unlabeled)
        given = {int(i): int(k) for i, k in zip(index, label, strict=True)}
        outside = [i for i in given if i not in unlabeled]
        if outside or len(given) < len(index):
            raise ValueError(
                f"Expected one label for each image index from {unlabeled.start} to "
                f"{unlabeled.stop - 1}, but got "
                f"{f'index {outside[0]}' if outside else 'an index twice'}."
            )
        rest = [i for i in unlabeled if not (leave and i in given)]
        if given and not rest:
            raise ValueError(
                f"Expected some images to stay unlabeled, but got labels for all {len(given)}. "
                "Discover fewer."
            )
        self._given, self._first = given, batch
        self._lists = [*range(self.num_labeled), *given], rest

    def __iter__(self) -> Iterator[SampleKey]:
        """Yield keys endlessly from the position set by :meth:`skip`."""
        given, early = self._given, self.labeled_batches
        first = max(self._first, early)
        # the number of passes started so far cannot exceed the number of images drawn
        drawn = (early * self.batch_size + (first - early) * self.labeled, first * self.unlabeled)
        labeled, unlabeled = (
            _Passes(items, (self.seed, stream), first=count * self.world_size)
            for stream, (items, count) in enumerate(zip(self._lists, drawn, strict=True))
        )
        only_labeled = _Passes(range(self.num_labeled), (self.seed, 0))
        batch, slot = divmod(self._start, self.batch_size)
        batch -= first
        while True:
            for place in range(slot, self.batch_size):
                if batch < early - first:
                    position = self._position(batch + first, place, self.batch_size)
                    yield SampleKey(*only_labeled[position])
                elif place < self.labeled:
                    index, draw = labeled[self._position(batch, place, self.labeled)]
                    yield SampleKey(index, draw, given.get(index))
                else:
                    place -= self.labeled
                    yield SampleKey(*unlabeled[self._position(batch, place, self.unlabeled)])
            batch, slot = batch + 1, 0

    def _position(self, batch: int, place: int, share: int) -> int:
        """Return the position in the global order since labels were last set."""
        return (batch * share + place) * self.world_size + self.rank

    @classmethod
    def make_tiny(cls, config: dict) -> int:
        """See the base class; at most two labeled and two unlabeled images remain."""
        config.update(labeled=min(2, config["labeled"]), unlabeled=2, labeled_batches=0)
        return config["labeled"] + (0 if config.get("labeled_only") else 2)
