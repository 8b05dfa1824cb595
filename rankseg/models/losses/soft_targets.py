# SPDX-License-Identifier: Apache-2.0
"""Losses whose targets are distributions over the classes."""

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the cross-entropy with a distribution as target, averaged over all rows.

    Args:
        logits: ``(B, K)``; the only input that receives a gradient.
        target: ``(B, K)`` probabilities.
        weight: ``(B,)`` weight of each row; the mean is still over all rows.

    Returns:
        ``()`` float32, in nats.
    """
    with torch.autocast(logits.device.type, enabled=False):
        rows = -(target.detach().float() * F.log_softmax(logits.float(), 1)).sum(1)
    return (rows if weight is None else rows * weight).mean()


def soft_squared_error(logits: Tensor, target: Tensor) -> Tensor:
    r"""Compute the mean squared difference, over rows and classes, to target probabilities.

    .. math:: \ell = \frac{1}{B K} \sum_i \lVert softmax(z_i) - q_i \rVert^2

    Args:
        logits: ``(B, K)``; the only input that receives a gradient.
        target: ``(B, K)`` probabilities ``q``.

    Returns:
        ``()`` float32 in ``[0, 2 / K]``.

    Source: MixMatch (NeurIPS 2019), eq. 4.
    """
    with torch.autocast(logits.device.type, enabled=False):
        return F.mse_loss(logits.float().softmax(1), target.detach().float())
