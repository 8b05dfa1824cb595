# SPDX-License-Identifier: Apache-2.0
"""Input and output of a selection, in numpy and without torch."""

from typing import NamedTuple, Protocol

import numpy as np


class Evidence(NamedTuple):
    """Features and labels that a selection is based on.

    Attributes:
        labeled: ``(L, D)`` float32 features of the labeled images, then of the discovered ones.
        label: ``(L,)`` int classes: given ones, then assigned ones.
        candidates: ``(U, D)`` features of the images that may be discovered.
        logits: ``(U, K)`` logits of the network for the candidates.
        num_given: Number of rows of ``labeled``, from the first, that are labeled images.
        past: ``(labeled, candidates)`` features of the same images at earlier discoveries, oldest
            first, if they are kept.
    """

    labeled: np.ndarray
    label: np.ndarray
    candidates: np.ndarray
    logits: np.ndarray
    num_given: int
    past: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``."""
        return self.logits.shape[1]


class Selection(NamedTuple):
    """Images selected to be added to the labeled ones.

    Attributes:
        row: ``(N,)`` int rows of the candidates, without repeats.
        label: ``(N,)`` int classes.
    """

    row: np.ndarray
    label: np.ndarray


class Select(Protocol):
    """Selection rule, registered in ``rankseg.registry.SELECTIONS``."""

    def __call__(
        self, evidence: Evidence, count: int, rng: np.random.Generator, **options
    ) -> Selection:
        """Select ``count`` candidates, or all if there are fewer."""
