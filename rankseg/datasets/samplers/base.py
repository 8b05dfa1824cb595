# SPDX-License-Identifier: Apache-2.0
"""Base class of the samplers that training uses."""

from collections.abc import Iterator, Sequence, Sized

from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from rankseg.structures import SampleKey


class TrainSampler(Sampler[SampleKey]):
    """Base class of infinite samplers that compose whole batches and can start at any of them.

    Subclasses implement ``__iter__``, :attr:`parts`, :attr:`iters_per_epoch` and
    :meth:`make_tiny`, and override the checks they need.

    Args:
        dataset: Data set of labeled images followed by unlabeled ones, with ``num_labeled`` and
            ``num_unlabeled``, such as ``SemiDataset``.
        seed: Random seed, the same on every process; if ``None``, the processes agree on a random
            one.

    Attributes:
        iters_per_epoch: Number of iterations of one pass over the data.
    """

    iters_per_epoch: int

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.num_labeled, self.num_unlabeled = dataset.num_labeled, dataset.num_unlabeled
        self._start = 0

    @property
    def parts(self) -> tuple[int, int]:
        """Numbers of labeled and unlabeled images in the batch of one process."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Number of samples of one batch on one process; the ``batch_size`` of the dataloader."""
        return sum(self.parts)

    def __len__(self) -> int:
        """Return the number of samples that this process yields in one epoch."""
        return self.iters_per_epoch * self.batch_size

    def __iter__(self) -> Iterator[SampleKey]:
        """Yield keys endlessly from the position set by :meth:`skip`."""
        raise NotImplementedError

    def set_labels(
        self, index: Sequence[int], label: Sequence[int], batch: int, leave: bool = True
    ) -> None:
        """Use unlabeled images as labeled images of these classes, if the sampler supports it.

        Args:
            index: Data set indices of unlabeled images, without repetition.
            label: Classes of these images.
            batch: Number of the first batch with the new labels, counted from 0.
            leave: Remove these images from the unlabeled ones.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define set_labels()")

    def skip(self, num_samples: int) -> None:
        """Start the next iteration after ``num_samples`` samples of this process, counted from 0.

        Takes constant time: no earlier index is computed.

        Raises:
            ValueError: If ``num_samples`` is negative.
        """
        if num_samples < 0:
            raise ValueError(
                f"Expected the number of samples to skip to be 0 or more, but got {num_samples}."
            )
        self._start = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the sampler is infinite."""

    # --- before training

    def check_batch_size(self, batch_size: int) -> None:
        """Check that the dataloader's batches match those of the sampler.

        Raises:
            ValueError: If ``batch_size`` differs from the batches of the sampler.
        """
        if batch_size != self.batch_size:
            labeled, unlabeled = self.parts
            raise ValueError(
                f"Expected train_dataloader.batch_size to be {self.batch_size}, the batch of "
                f"{type(self).__name__} ({labeled} labeled and {unlabeled} unlabeled images), but "
                f"got {batch_size}. Set train_dataloader.batch_size={self.batch_size}."
            )

    def check_labels(self, made_in_training: bool) -> None:
        """Check that the images have the labels that the sampler needs.

        Args:
            made_in_training: Whether a hook labels the unlabeled images.

        Raises:
            ValueError: If labels are missing.
        """

    def example_keys(self) -> list[SampleKey]:
        """Return keys of a labeled and, if there is one, an unlabeled sample."""
        first_unlabeled = [SampleKey(self.num_labeled)] if self.num_unlabeled else []
        return [SampleKey(0), *first_unlabeled]

    @classmethod
    def make_tiny(cls, config: dict) -> int:
        """Shrink a config of this sampler in place to a few images; return its batch size."""
        raise NotImplementedError(f"{cls.__name__} does not define make_tiny()")
