# SPDX-License-Identifier: Apache-2.0
"""Sampler of class-balanced batches (P classes with K images each)."""

from collections.abc import Iterator, Sequence, Sized

import numpy as np

from rankseg.datasets.samplers.base import TrainSampler
from rankseg.registry import DATA_SAMPLERS
from rankseg.structures import SampleKey

NO_LABELS = (
    "Expected images with labels, from which PKSampler composes batches, but no image of the "
    "training set has one. Add dict(type='ClusterHook', clusters=K) to custom_hooks, or train with "
    "true labels (train_dataloader.dataset: empty='unlabeled', labeled='')."
)


@DATA_SAMPLERS.register_module()
class PKSampler(TrainSampler):
    """Infinite sampler of batches of ``P`` classes with ``K`` images each.

    Every batch is drawn independently, seeded by (seed, batch): first classes uniformly, then
    images of each class, without repetition if the class has at least ``K``. All processes draw the
    same global batch and take disjoint parts of its classes (if there are enough classes). Any
    position is computed directly, so a resumed run starts immediately.

    Labeled images have their own class. Unlabeled images take part only with a label from
    :meth:`set_labels`, and are then loaded as labeled ones.

    Args:
        dataset: Data set of labeled images followed by unlabeled ones, with ``num_labeled``,
            ``num_unlabeled`` and ``labeled.class_ids()``, such as ``SemiDataset``.
        classes: Number of classes ``P`` in the batch of one process.
        images: Number of images ``K`` per class.
        seed: Random seed, the same on every process; if ``None``, the processes agree on a random
            one.

    Attributes:
        batch_size: Required ``batch_size`` of the dataloader, ``P K``.
        iters_per_epoch: Number of iterations that yield as many images as the data set has.

    Raises:
        ValueError: If a number is below 1, the data set is empty, or it has fewer than ``P``
            classes.

    Source: Multi-Similarity loss (CVPR 2019), section 4.1: a number of classes, then 5 images of
        each. Differences: their code iterates over the images of a class in turn; here every batch
        is drawn independently.
    """

    def __init__(self, dataset: Sized, classes: int, images: int, seed: int | None = None) -> None:
        if classes < 1 or images < 1:
            raise ValueError(
                "Expected classes and images of the sampler to be 1 or more, but got "
                f"classes={classes}, images={images}."
            )
        super().__init__(dataset, seed)
        self.classes, self.images = classes, images
        if not self.num_labeled + self.num_unlabeled:
            raise ValueError("Expected the data set to have images, but got none. Check its lists.")
        self._labels = dataset.labeled.class_ids() if self.num_labeled else np.empty(0, np.int64)
        self.set_labels((), (), 0)

    @property
    def parts(self) -> tuple[int, int]:
        """See the base class; all images are drawn as labeled ones."""
        return self.classes * self.images, 0

    @property
    def iters_per_epoch(self) -> int:
        """Number of iterations of one pass: as many images as the data set has."""
        total = self.num_labeled + self.num_unlabeled
        return max(1, total // (self.batch_size * self.world_size))

    def set_labels(
        self, index: Sequence[int], label: Sequence[int], batch: int, leave: bool = True
    ) -> None:
        """Use unlabeled images as labeled images of these classes.

        The labels replace those of an earlier call; unlabeled images without a label are not used.
        Takes effect in the next iteration over the sampler.

        Args:
            index: Data set indices of unlabeled images, without repetition.
            label: Classes of these images.
            batch: Number of the first batch, counted from 0. Has no effect here, because the
                content of a batch depends only on its own number.
            leave: As in
                :class:`~rankseg.datasets.samplers.labeled_unlabeled.LabeledUnlabeledSampler`; has
                no effect here.

        Raises:
            ValueError: If an index is not that of an unlabeled image, or there are too few classes.
        """
        index, label = np.asarray(index, np.int64), np.asarray(label, np.int64)
        last = self.num_labeled + self.num_unlabeled - 1
        outside = len(index) and not self.num_labeled <= index.min() <= index.max() <= last
        if outside or len(np.unique(index)) < len(index) or len(index) != len(label):
            raise ValueError(
                f"Expected one label for each image index from {self.num_labeled} to {last}, but "
                f"got {len(label)} labels for {len(np.unique(index))} images."
            )
        items = np.concatenate((np.arange(self.num_labeled), index))
        labels = np.concatenate((self._labels, label))
        order = np.argsort(labels, kind="stable")
        names, starts = np.unique(labels[order], return_index=True)
        if len(items) and len(names) < self.classes:
            cure = (
                f"Set train_dataloader.sampler.classes to {len(names)} or less, and the batch_size "
                "to classes * images."
            )
            raise ValueError(
                f"Expected images of {self.classes} classes, as classes of the sampler says, but "
                f"got {len(names)}. "
                f"{cure if len(names) > 1 else 'Use images of 2 classes or more.'}"
            )
        groups = np.split(items[order], starts)[1:]
        self._groups = dict(zip(names.tolist(), groups, strict=True))

    def __iter__(self) -> Iterator[SampleKey]:
        """Yield keys endlessly from the position set by :meth:`skip`.

        Raises:
            ValueError: If no image has a label.
        """
        groups = self._groups
        if not groups:
            raise ValueError(NO_LABELS)
        batch, slot = divmod(self._start, self.batch_size)
        while True:
            yield from self._draw(groups, batch)[slot:]
            batch, slot = batch + 1, 0

    def _draw(self, groups: dict[int, np.ndarray], batch: int) -> list[SampleKey]:
        """Draw the global batch and return the part of this process."""
        names, total = np.array(list(groups)), self.classes * self.world_size
        rng = np.random.default_rng((self.seed, batch))
        rounds = -(-total // len(names))
        chosen = np.concatenate([rng.permutation(names) for _ in range(rounds)]).tolist()
        keys = []
        for place in range(self.rank, total, self.world_size):
            name = chosen[place]
            items = groups[name]
            # A seed per class means that a process draws only its own classes. The number counts
            # from 1 because NumPy treats (seed, batch, 0) like (seed, batch).
            rng = np.random.default_rng((self.seed, batch, 1 + place))
            order = [rng.permutation(items) for _ in range(-(-self.images // len(items)))]
            first = (batch * total + place) * self.images
            for number, index in enumerate(np.concatenate(order)[: self.images].tolist()):
                label = None if index < self.num_labeled else name
                keys.append(SampleKey(index, first + number, label))  # repeated images differ
        return keys

    # --- before training

    def check_labels(self, made_in_training: bool) -> None:
        """See the base class."""
        if not self.num_labeled and not made_in_training:
            raise ValueError(NO_LABELS)

    def example_keys(self) -> list[SampleKey]:
        """See the base class; without labeled images, the first one is loaded as class 0."""
        first, *others = super().example_keys()
        return [first._replace(label=None if self.num_labeled else 0), *others]

    @classmethod
    def make_tiny(cls, config: dict) -> int:
        """See the base class; two classes with two images each remain."""
        config.update(classes=2, images=2)
        return 4
