# SPDX-License-Identifier: Apache-2.0
"""MixUp of images and soft labels, and sharpening of soft labels."""

import torch
from torch import Tensor
from torch.distributions import Beta


def sharpen(probability: Tensor, temperature: float) -> Tensor:
    r"""Sharpen distributions toward their largest entries.

    .. math:: q_k = p_k^{1/T} / \sum_j p_j^{1/T}

    Args:
        probability: ``(B, K)``, rows sum to 1.
        temperature: ``T``, above 0; 1 changes nothing, and near 0 the result is one-hot.

    Returns:
        ``(B, K)`` float32.

    Source: MixMatch (NeurIPS 2019), eq. 7.
    """
    return (probability.float().log() / temperature).softmax(1)


def draw_mixup(count: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Draw the partner and the share of every image for MixUp.

    Uses torch's CPU generator, so nothing waits for the device and a resumed run draws the same
    values as an uninterrupted one.

    Args:
        count: Number of images ``N``.
        alpha: Parameter of Beta(alpha, alpha), above 0.

    Returns:
        On the CPU: ``(N,)`` float32 in ``[0.5, 1]``, the share that an image keeps, and ``(N,)``
        int64, the partners: a permutation, in which an image may be its own partner.

    Source: MixMatch (NeurIPS 2019), eq. 8 and 9: ``max(lambda, 1 - lambda)``, drawn per image.
    """
    concentration = torch.tensor(float(alpha))
    share = Beta(concentration, concentration, validate_args=False).sample((count,))
    return torch.maximum(share, 1 - share), torch.randperm(count)


def mixup(values: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Mix every row with its partner's: ``share * own + (1 - share) * other``.

    Args:
        values: ``(N, ...)``, images or soft labels.
        share: ``(N,)`` in ``[0, 1]``.
        partner: ``(N,)`` int64 rows.

    Returns:
        A new tensor with the shape of ``values``.

    Source: MixMatch (NeurIPS 2019), eq. 10 and 11.
    """
    share = share.to(values).view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values.index_select(0, partner), values, share)
