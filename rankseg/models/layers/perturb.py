# SPDX-License-Identifier: Apache-2.0
"""Feature perturbation of UniMatch: dropped channels next to the clean ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


class PerturbedFeatures(Sequence):
    """Encoder features of which each is followed, along the batch, by a perturbed copy.

    Behaves like the tuple of feature maps that a decode head expects, but makes a copy only of the
    maps that the head really reads. Whole channels are dropped (``dropout2d``).

    Args:
        features: Maps ``(B, C_i, h_i, w_i)`` as the backbone returns them.
        rate: Share of channels dropped, in ``[0, 1)``.
        clean: Whether the clean features come first; else there are perturbed ones only.

    Source: UniMatch (CVPR 2023), section 3.2.
    """

    def __init__(self, features: Sequence[Tensor], rate: float, clean: bool = True) -> None:
        self._features = features
        self._rate = rate
        self._clean = clean
        self._made: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """Map ``(2B, C, h, w)`` or ``(B, C, h, w)``; the same object every time."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index not in self._made:
            clean = self._features[index]
            dropped = F.dropout2d(clean, self._rate)
            self._made[index] = torch.cat((clean, dropped)) if self._clean else dropped
        return self._made[index]
