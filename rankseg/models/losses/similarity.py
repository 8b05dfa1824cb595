# SPDX-License-Identifier: Apache-2.0
"""Semantic and instance pseudo-labels that correct each other."""

import torch
import torch.nn.functional as F
from torch import Tensor


def similarity_targets(
    semantic: Tensor, instance: Tensor, labels: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    r"""Calibrate class predictions and similarities to labelled images by each other.

    .. math::
        \hat p = \alpha p + (1 - \alpha) q^{agg}, \qquad
        \hat q_i = q_i \, p_{y_i} / \sum_k q_k \, p_{y_k}

    Both use the values that come in, so that their order does not matter.

    Args:
        semantic: ``p``, ``(B, K)`` class probabilities.
        instance: ``q``, ``(B, N)`` probabilities over the labelled images of the bank.
        labels: ``y``, ``(N,)`` int64 classes of these images.
        smoothing: ``alpha`` in ``[0, 1]``; 1 leaves ``p`` as it is.

    Returns:
        ``(B, K)`` and ``(B, N)``, rows add up to 1.

    Source: SimMatch (CVPR 2022), eq. 7 to 10.
    """
    scaled = instance * semantic[:, labels]
    calibrated = scaled / scaled.sum(1, keepdim=True).clamp(min=torch.finfo(scaled.dtype).tiny)
    aggregated = torch.zeros_like(semantic).index_add_(1, labels, instance.to(semantic))
    return smoothing * semantic + (1 - smoothing) * aggregated, calibrated


def soft_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy with a distribution as target, mean over all rows.

    Args:
        logits: ``(B, K)``; the only input that receives a gradient.
        target: ``(B, K)`` probabilities.
        weight: ``(B,)`` factor of each row; the mean is over all rows nevertheless.

    Returns:
        ``()`` float32, in nats.
    """
    with torch.autocast(logits.device.type, enabled=False):
        rows = -(target.detach().float() * F.log_softmax(logits.float(), 1)).sum(1)
    return (rows if weight is None else rows * weight).mean()
