# SPDX-License-Identifier: Apache-2.0
"""Semantic and instance pseudo-labels that correct each other."""

import torch
from torch import Tensor

RULES = ("smoothing", "scaling", None)


def blend(own: Tensor, other: Tensor, rule: str | None, share: float) -> Tensor:
    """Correct a distribution by another one over the same outcomes.

    Args:
        own: ``(B, M)``, rows add up to 1.
        other: ``(B, M)``, likewise.
        rule: ``"smoothing"`` takes the mean with the share given for ``own``, ``"scaling"`` the
            renormalized product, ``None`` leaves ``own`` as it is.
        share: In ``[0, 1]``.
    """
    if rule == "smoothing":
        return share * own + (1 - share) * other
    return own if rule is None else normalise(own * other)


def normalise(rows: Tensor) -> Tensor:
    """Divide rows by their sum; rows of zeros stay."""
    return rows / rows.sum(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)


def similarity_targets(
    semantic: Tensor,
    instance: Tensor,
    labels: Tensor,
    smoothing: float,
    semantic_rule: str | None = "smoothing",
    instance_rule: str | None = "scaling",
) -> tuple[Tensor, Tensor]:
    r"""Calibrate class predictions and similarities to labeled images by each other.

    .. math::
        \hat p = \alpha p + (1 - \alpha) q^{agg}, \qquad
        \hat q_i = q_i \, p_{y_i} / \sum_k q_k \, p_{y_k}

    Both use the values that come in, so that their order does not matter.

    Args:
        semantic: ``p``, ``(B, K)`` class probabilities.
        instance: ``q``, ``(B, N)`` probabilities over the labeled images of the bank.
        labels: ``y``, ``(N,)`` int64 classes of these images.
        smoothing: ``alpha`` in ``[0, 1]``, the share of what is corrected by smoothing.
        semantic_rule: How ``p`` is corrected, see :func:`blend`.
        instance_rule: How ``q`` is corrected.

    Returns:
        ``(B, K)`` and ``(B, N)``, rows add up to 1.

    Source: SimMatch (CVPR 2022), eq. 7 to 10; the other rules are those of its Tables 5 and 6.
    """
    unfolded = normalise(semantic[:, labels])
    aggregated = torch.zeros_like(semantic).index_add_(1, labels, instance.to(semantic))
    return (
        blend(semantic, aggregated, semantic_rule, smoothing),
        blend(instance, unfolded, instance_rule, smoothing),
    )
