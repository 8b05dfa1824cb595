# SPDX-License-Identifier: Apache-2.0
"""Losses that keep spatial assembly weights local, distinct and coherent.

All functions take the weights of ``N`` input points (rows ``u``) for ``N`` output points (columns
``v``) and return one value per image, in float32, summed as in the equations.
"""

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBORS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


def assembly_entropy(log_weights: Tensor) -> Tensor:
    """Sum the entropies of all rows and all columns, in bits; 0 for a permutation.

    Args:
        log_weights: ``(B, N, N)`` logarithms; rows and columns are normalized here.

    Returns:
        ``(B,)``, from 0 to ``2 N log2(N)``.

    Source: Chapter 5 of the dissertation, eq. 5.5.
    """
    total = 0.0
    for axis in (1, 2):
        logarithm = log_weights.float().log_softmax(axis)
        total = total - (logarithm.exp() * logarithm.clamp(min=-1e30)).sum((1, 2))
    return total / log(2)


def assembly_correlation(weights: Tensor) -> Tensor:
    """Sum the products of the weights of different points over all pairs of rows and columns.

    The sum is 0 for a permutation, and ``2 (N - |W|^2)`` if rows and columns sum to 1.

    Args:
        weights: ``(B, N, N)``, non-negative.

    Returns:
        ``(B,)``.

    Source: Chapter 5 of the dissertation, eq. 5.6, whose pairs count in both orders.
    """
    weights = weights.float()
    rows, columns = (weights.sum(axis).square().sum(1) for axis in (2, 1))
    return rows + columns - 2 * weights.square().sum((1, 2))


def local_coherence(weights: Tensor, features: Tensor) -> Tensor:
    r"""Measure how differently similar neighbors are moved; 0 if all points stay in place.

    .. math:: \sum_{i,j} \sum_{(i',j') \in \Omega_{i,j}} \alpha \,
        \| W_{i,j} - S[W_{i',j'}] \|_2

    :math:`W_{i,j}` is the destination of input point ``(i, j)``: its row of the weights as a map of
    output points. (The text also calls them maps of an output point; neighbors are those of the
    input, whose features :math:`\alpha` compares.) The shift by one point is padded with zeros.
    Cosines below 0 count as 0; after a ReLU there are none. They carry no gradient, since the term
    is meant for the weights.

    Args:
        weights: ``(B, N, N)``, non-negative.
        features: ``(B, C, rows, columns)`` at the ``N`` input points.

    Returns:
        ``(B,)``.

    Source: Chapter 5 of the dissertation, eqs. 5.7 and 5.8, summed over all points.
    """
    rows, columns = features.shape[2:]
    unit = F.normalize(features.detach().float(), dim=1)
    maps = weights.float().view(-1, rows, columns, rows, columns)
    wide = F.pad(maps, (1, 1, 1, 1))
    total = 0.0
    for down, right in NEIGHBORS:
        here = slice(max(0, -down), rows - max(0, down))
        beside = slice(max(0, -right), columns - max(0, right))
        there = slice(max(0, down), rows - max(0, -down))
        next_to = slice(max(0, right), columns - max(0, -right))
        alike = (unit[:, :, here, beside] * unit[:, :, there, next_to]).sum(1).clamp(min=0)
        shifted = wide[:, there, next_to, 1 + down :, 1 + right :][..., :rows, :columns]
        difference = maps[:, here, beside] - shifted
        total = total + (alike * torch.linalg.vector_norm(difference, dim=(3, 4))).sum((1, 2))
    return total
