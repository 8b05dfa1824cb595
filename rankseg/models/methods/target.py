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
    """

    pseudo: PseudoLabel
    feature: Tensor | None

    def paste(
        self, source: "Target", boxes: Tensor, size: tuple[int, int], padded: tuple[int, int]
    ) -> "Target":
        """Paste targets of another batch with the same boxes, ``(B, 4)`` in pixels, as the images.

        The features cover the padded size, see :func:`padded_size`.
        """
        maps = zip(self.pseudo, source.pseudo, strict=True)
        pseudo = PseudoLabel(*(paste(mine, other, boxes, size) for mine, other in maps))
        if self.feature is None:
            return Target(pseudo, None)
        return Target(pseudo, paste(self.feature, source.feature, boxes, padded))

    def roll(self) -> "Target":
        """Shift the targets by one image within the batch."""
        pseudo = PseudoLabel(*(item.roll(1, 0) for item in self.pseudo))
        return Target(pseudo, None if self.feature is None else self.feature.roll(1, 0))
