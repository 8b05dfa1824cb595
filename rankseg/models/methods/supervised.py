# SPDX-License-Identifier: Apache-2.0
"""Supervised training."""

from torch import Tensor

from rankseg.models.methods.base import Method
from rankseg.registry import MODELS


@MODELS.register_module()
class Supervised(Method):
    """Training on the labeled images alone, the baseline in every table."""

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the labeled loss, including auxiliary heads if the student has any."""
        return self.supervised_step(inputs, data_samples)
