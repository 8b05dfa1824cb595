# SPDX-License-Identifier: Apache-2.0
"""Confidence threshold that follows the training."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from rankseg.errors import expect


class AdaptiveThreshold(nn.Module):
    r"""Moving average of how confident the network is at its best.

    .. math:: \tau \leftarrow m \tau + (1 - m) \frac{1}{|P|} \sum_{k \in P} \max_{i: \hat y_i = k}
        p_i

    ``P`` are the classes predicted in the batch, and the inner maximum is the highest confidence of
    a pixel predicted as class ``k``. A batch without valid pixels changes nothing. The update does
    not wait for the device.

    Args:
        start: Initial threshold.
        num_classes: ``K``.
        momentum: ``m``, in ``[0, 1)``.

    Raises:
        ValueError: If the momentum is out of range.

    Source: CorrMatch (CVPR 2024), section 3.3, with ``start=0.85`` and ``momentum=0.999`` there.
    """

    value: Tensor

    def __init__(self, start: float, num_classes: int, momentum: float) -> None:
        super().__init__()
        expect(0 <= momentum < 1, "model.threshold_momentum", "at least 0 and below 1", momentum)
        self.num_classes = num_classes
        self.momentum = momentum
        self.register_buffer("value", torch.tensor(float(start)))

    @torch.no_grad()
    def update(self, label: Tensor, confidence: Tensor, valid: Tensor) -> None:
        """Move the threshold by one batch; in distributed training by the batch of all processes.

        Args:
            label: ``(B, H, W)`` int64, predicted classes.
            confidence: ``(B, H, W)``, their probabilities.
            valid: ``(B, H, W)`` bool; other pixels do not count.
        """
        best = confidence.new_zeros(self.num_classes)  # a confidence is at least 1 / K
        counted = confidence.masked_fill(~valid, 0.0)
        best.scatter_reduce_(0, label.flatten(), counted.flatten(), "amax")
        all_reduce(best, op="max")
        present = best > 0
        mean = best.sum() / present.sum().clamp(min=1)
        moved = self.momentum * self.value + (1 - self.momentum) * mean
        self.value.copy_(torch.where(present.any(), moved, self.value))
