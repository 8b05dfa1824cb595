# SPDX-License-Identifier: Apache-2.0
"""MixUp of images and of soft labels, and the sharpening of these."""

import torch
from torch import Tensor
from torch.distributions import Beta


def sharpen(probability: Tensor, temperature: float) -> Tensor:
    r"""Draw distributions toward their largest entries.

    .. math:: q_k = p_k^{1/T} / \sum_j p_j^{1/T}

    Args:
        probability: ``(B, K)``, rows add up to 1.
        temperature: ``T``, above 0; 1 changes nothing, toward 0 the largest entry takes all.

    Returns:
        ``(B, K)`` float32.

    Source: MixMatch (NeurIPS 2019), eq. 7.
    """
    return (probability.float().log() / temperature).softmax(1)


def draw_mixup(count: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Draw with whom, and how much, every image is mixed.

    Uses torch's CPU generator, so nothing waits for the device, and a resumed run draws what it
    would have drawn.

    Args:
        count: Number of images ``N``.
        alpha: Of Beta(alpha, alpha), above 0.

    Returns:
        On the CPU: ``(N,)`` float32 in ``[0.5, 1]``, the share that an image keeps, and ``(N,)``
        int64, its partner: each image is that of one other, or by chance of itself.

    Source: MixMatch (NeurIPS 2019), eq. 8 and 9: ``max(lambda, 1 - lambda)``, drawn per image.
    """
    concentration = torch.tensor(float(alpha))
    share = Beta(concentration, concentration, validate_args=False).sample((count,))
    return torch.maximum(share, 1 - share), torch.randperm(count)


def mixup(values: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Mix every row with that of its partner: ``share * own + (1 - share) * other``.

    Args:
        values: ``(N, ...)``, images or soft labels.
        share: ``(N,)`` in ``[0, 1]``.
        partner: ``(N,)`` int64 rows.

    Returns:
        A new tensor of the shape of ``values``.

    Source: MixMatch (NeurIPS 2019), eq. 10 and 11.
    """
    share = share.to(values).view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values.index_select(0, partner), values, share)
