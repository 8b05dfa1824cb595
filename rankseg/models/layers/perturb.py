# SPDX-License-Identifier: Apache-2.0
"""Feature perturbation of UniMatch: channel dropout on a copy of the clean features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


class PerturbedFeatures(Sequence):
    """Encoder features followed, along the batch, by a perturbed copy of each.

    Behaves like the tuple of feature maps that a decode head expects, but copies only the maps that
    the head reads. Whole channels are dropped (``dropout2d``). If a backbone returns a class token
    ``(B, C)`` with each map, channels of the token are dropped as well.

    Args:
        features: Maps ``(B, C_i, h_i, w_i)`` as the backbone returns them, or lists of a map and a
            class token.
        rate: Probability that a channel is dropped, in ``[0, 1)``.

    Source: UniMatch (CVPR 2023), section 3.2.
    """

    def __init__(self, features: Sequence[Tensor | Sequence], rate: float) -> None:
        self._features = features
        self._rate = rate
        self._made: dict[int, Tensor | list] = {}

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """Return map ``(2B, C, h, w)``, clean then perturbed; the same object every time."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index not in self._made:
            self._made[index] = self._double(self._features[index])
        return self._made[index]

    def _double(self, clean: Tensor | Sequence) -> Tensor | list:
        """Concatenate the clean rows and the perturbed ones."""
        if not isinstance(clean, Tensor):
            return [self._double(one) for one in clean]
        drop = F.dropout2d if clean.dim() == 4 else F.dropout
        return torch.cat((clean, drop(clean, self._rate)))
