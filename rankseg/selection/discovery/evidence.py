# SPDX-License-Identifier: Apache-2.0
"""What is known when images are selected, and what is selected: numpy, no torch."""

from typing import NamedTuple, Protocol

import numpy as np


class Evidence(NamedTuple):
    """What a selection is made from.

    Attributes:
        labeled: ``(L, D)`` float32 features of the labelled images, then of those discovered.
        label: ``(L,)`` int classes: given ones, then those that were assigned.
        candidates: ``(U, D)`` features of the images that may be discovered.
        logits: ``(U, K)`` what the network says of these.
        num_given: How many of the first rows of ``labeled`` are labelled ones.
        past: ``(labeled, candidates)`` features of the same images at earlier discoveries, oldest
            first, where they are kept.
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
    """Images that are to become labelled ones.

    Attributes:
        row: ``(N,)`` int rows of the candidates, each once.
        label: ``(N,)`` int classes.
    """

    row: np.ndarray
    label: np.ndarray


class Select(Protocol):
    """A rule of selection, registered in ``rankseg.registry.SELECTIONS``."""

    def __call__(
        self, evidence: Evidence, count: int, rng: np.random.Generator, **options
    ) -> Selection:
        """Select at most ``count`` candidates, fewer where there are no more."""
