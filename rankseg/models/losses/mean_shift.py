# SPDX-License-Identifier: Apache-2.0
"""Mean shift: pull an image toward the mean of its neighbors in a memory of targets."""

import torch
from torch import Tensor


@torch.no_grad()
def nearest(similarity: Tensor, k: int | None, allowed: Tensor) -> Tensor:
    """Choose the ``k`` most similar allowed entries, or all if there are fewer.

    Args:
        similarity: ``(B, N)`` similarities of queries to entries.
        k: Number of neighbors, at least 1; ``None`` chooses all allowed entries.
        allowed: ``(B, N)`` or ``(N,)`` bool.

    Returns:
        ``(B, N)`` bool.
    """
    allowed = allowed.expand_as(similarity)
    if k is None:
        return allowed
    ranked = similarity.masked_fill(~allowed, -torch.inf)
    best = ranked.topk(min(k, similarity.shape[1]), 1).indices
    return torch.zeros_like(ranked, dtype=torch.bool).scatter_(1, best, True) & allowed


def mean_shift(online: Tensor, entries: Tensor, chosen: Tensor) -> Tensor:
    r"""Compute the mean squared distance of an embedding to its chosen entries.

    .. math:: \frac{1}{|S_i|} \sum_{z \in S_i} (2 - 2 \, v_i^T z)

    Args:
        online: ``v``, ``(B, D)`` of length 1; the only input that receives a gradient. The mean of
            several embeddings of an image gives the mean of their distances.
        entries: ``z``, ``(N, D)`` of length 1.
        chosen: ``(B, N)`` bool, the sets ``S``; the loss is 0 for an empty set.

    Returns:
        ``(B,)`` float32 in ``[0, 4]``.

    Source: CMSF (ECCV 2022), section 2, whose equation has the sign of a similarity; distances as
        in MSF (ICCV 2021), eq. 1.
    """
    with torch.autocast(online.device.type, enabled=False):
        with torch.no_grad():
            share = chosen.float()
            count = share.sum(1)
            center = share @ entries.float() / count.clamp(min=1)[:, None]
        return (2 - 2 * (online.float() * center).sum(1)) * (count > 0)
