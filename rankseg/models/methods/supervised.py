# SPDX-License-Identifier: Apache-2.0
"""Supervised-only training."""

from torch import Tensor

from rankseg.models.methods.base import Method
from rankseg.registry import MODELS


@MODELS.register_module()
class Supervised(Method):
    """Training on the labelled images alone: the baseline of every table."""

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the labeled loss and, if the student has auxiliary heads, theirs."""
        return self.supervised_step(inputs, data_samples)
