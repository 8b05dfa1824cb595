# SPDX-License-Identifier: Apache-2.0
"""Semantic and instance pseudo-labels that correct each other."""

import torch
from torch import Tensor

RULES = ("smoothing", "scaling", None)


def blend(own: Tensor, other: Tensor, rule: str | None, share: float) -> Tensor:
    """Correct a distribution ``own``, ``(B, M)``, with another one over the same outcomes.

    ``"smoothing"`` takes the weighted mean, in which ``own`` has the weight ``share``,
    ``"scaling"`` the renormalized product, and ``None`` returns ``own`` unchanged.
    """
    if rule == "smoothing":
        return share * own + (1 - share) * other
    return own if rule is None else normalize_rows(own * other)


def normalize_rows(rows: Tensor) -> Tensor:
    """Divide rows by their sum; rows of zeros stay zero."""
    return rows / rows.sum(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)


def similarity_targets(
    semantic: Tensor,
    instance: Tensor,
    labels: Tensor,
    smoothing: float,
    semantic_rule: str | None = "smoothing",
    instance_rule: str | None = "scaling",
) -> tuple[Tensor, Tensor]:
    r"""Calibrate class predictions and similarities to labeled images with each other.

    .. math::
        \hat p = \alpha p + (1 - \alpha) q^{agg}, \qquad
        \hat q_i = q_i \, p_{y_i} / \sum_k q_k \, p_{y_k}

    Both use the input values, so their order does not matter.

    Args:
        semantic: ``p``, ``(B, K)`` class probabilities.
        instance: ``q``, ``(B, N)`` probabilities over the labeled images of the bank.
        labels: ``y``, ``(N,)`` int64 classes of these images.
        smoothing: ``alpha`` in ``[0, 1]``, the share of the original distribution in smoothing.
        semantic_rule: Rule that corrects ``p``, see :func:`blend`.
        instance_rule: Rule that corrects ``q``.

    Returns:
        ``(B, K)`` and ``(B, N)``, rows sum to 1.

    Source: SimMatch (CVPR 2022), eq. 7 to 10; the other rules are those of its Tables 5 and 6.
    """
    unfolded = normalize_rows(semantic[:, labels])
    aggregated = torch.zeros_like(semantic).index_add_(1, labels, instance.to(semantic))
    return (
        blend(semantic, aggregated, semantic_rule, smoothing),
        blend(instance, unfolded, instance_rule, smoothing),
    )
