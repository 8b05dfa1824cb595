# SPDX-License-Identifier: Apache-2.0
"""Targets of strong views."""

from typing import NamedTuple

from torch import Tensor

from rankseg.models.mixing import paste
from rankseg.structures import PseudoLabel


class Target(NamedTuple):
    """Targets of the strong views, computed from the weak view.

    Attributes:
        pseudo: Pseudo-label at label size: image size, or 1x1.
        feature: ``(B, C, h, w)`` output of the feature tap, or None.
        probability: ``(B, K, H, W)`` probabilities of the classes, which are the targets in place
            of the labels (soft labels), or None.
    """

    pseudo: PseudoLabel
    feature: Tensor | None
    probability: Tensor | None = None

    def paste(
        self, source: "Target", boxes: Tensor, size: tuple[int, int], padded: tuple[int, int]
    ) -> "Target":
        """Paste targets of another batch with the same boxes, ``(B, 4)`` in pixels, as the images.

        The features cover the padded size, see :func:`padded_size`.
        """
        maps = zip(self.pseudo, source.pseudo, strict=True)
        pseudo = PseudoLabel(*(paste(mine, other, boxes, size) for mine, other in maps))
        feature = probability = None
        if self.feature is not None:
            feature = paste(self.feature, source.feature, boxes, padded)
        if self.probability is not None:
            probability = paste(self.probability, source.probability, boxes, size)
        return Target(pseudo, feature, probability)

    def roll(self) -> "Target":
        """Shift the targets by one image within the batch."""
        pseudo = PseudoLabel(*(item.roll(1, 0) for item in self.pseudo))
        others = (self.feature, self.probability)
        return Target(pseudo, *(None if one is None else one.roll(1, 0) for one in others))
