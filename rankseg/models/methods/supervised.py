# SPDX-License-Identifier: Apache-2.0
"""Supervised-only training."""

from torch import Tensor

from rankseg.models.methods.base import Method
from rankseg.registry import MODELS
from rankseg.structures import LABELED


@MODELS.register_module()
class Supervised(Method):
    """Training on the labelled images alone: the baseline of every table."""

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Labelled loss and, if the student has auxiliary heads, theirs."""
        images = inputs[LABELED]
        output = self.run(self.student, images, labeled=len(images))
        return {"loss_x": self.supervised_loss(output, data_samples[LABELED])}
