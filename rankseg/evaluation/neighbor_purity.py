# SPDX-License-Identifier: Apache-2.0
"""Purity and rank of the neighbors that a constraint selects."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

NO_RANK = 0  # rank of a missing neighbor


class NeighborPurity(NamedTuple):
    """Purity of the neighbors of queries in a memory ``M`` and in its constrained part ``C``.

    Purity is the percentage of neighbors with the query's class. It ignores the query's own entry
    and entries of unknown class.

    Attributes:
        nearest: Purity of the ``k`` nearest in ``M``.
        constrained: Purity of the ``k`` nearest in ``C``.
        median_rank: Median ``m`` over queries of the rank in ``M`` of the ``k``-th in ``C``.
        as_far: Purity of the ``m`` nearest in ``M``.
        ranks: ``(Q,)`` int64 ranks; 1 is the nearest, 0 if ``C`` has fewer than ``k``.
    """

    nearest: float
    constrained: float
    median_rank: float
    as_far: float
    ranks: Tensor


def rank_of(similarity: Tensor, index: Tensor) -> Tensor:
    """Return the rank of entries by similarity ``(Q, N)``: ``(Q, k)``; ties share the best rank.

    The nearest has rank 1. An entry of -1 in ``index``, ``(Q, k)``, stands for none and has rank 0.
    """
    own = similarity.gather(1, index.clamp(min=0))
    order = similarity.sort(1).values
    closer = similarity.shape[1] - torch.searchsorted(order, own.contiguous(), right=True)
    return torch.where(index < 0, NO_RANK, closer + 1)


def constrained_nearest(similarity: Tensor, allowed: Tensor, k: int) -> Tensor:
    """Find the ``k`` nearest entries, ``(Q, k)`` int64, among those allowed, ``(Q, N)`` bool.

    The nearest comes first; -1 stands for none if fewer are allowed.
    """
    values, index = similarity.masked_fill(~allowed, -torch.inf).topk(k, 1)
    return torch.where(values == -torch.inf, -1, index)


def previous_neighbors(query: Tensor, memory: Tensor, own: Tensor, k: int) -> Tensor:
    """Apply the constraint of CMSF without labels: ``k`` nearest in an earlier memory, and itself.

    All features are earlier ones, of length 1. Return the ``(Q, N)`` bool mask of allowed entries.
    """
    allowed = torch.zeros(len(query), len(memory), dtype=torch.bool, device=memory.device)
    allowed.scatter_(1, (query @ memory.T).topk(k, 1).indices, True)
    return allowed.scatter_(1, own[:, None], True)


@torch.no_grad()
def neighbor_purity(
    memory: Tensor,
    previous: Tensor,
    label: Tensor,
    own: Tensor,
    *,
    k: int = 5,
    k_previous: int = 5,
    chunk: int = 256,
) -> NeighborPurity:
    """Compute purity and ranks of the neighbors that CMSF's constraint selects.

    Args:
        memory: ``(N, D)`` features ``M``, of any length.
        previous: ``(N, D)`` features ``M'`` of the same images, from another view or an earlier
            pass.
        label: ``(N,)`` int64 true classes, -1 if unknown.
        own: ``(Q,)`` int64 entries used as queries.
        k: Number of neighbors, which includes the query itself; at least 2.
        k_previous: Number of neighbors in ``M'`` to choose from, :math:`k'`.
        chunk: Queries at a time; a few ``chunk x N`` matrices are in memory.

    Raises:
        ValueError: If ``k`` is not from 2 to ``N``, ``k_previous`` is not from 1 to ``N``, or there
            is no query.

    Source: CMSF (ECCV 2022), Figure 5 and Table 1 (right).
    """
    _check(len(memory), len(own), k, k_previous)
    memory, previous = (F.normalize(part.float(), dim=1) for part in (memory, previous))
    label, own = label.to(memory.device), own.to(memory.device)
    sums = torch.zeros(2, 2, dtype=torch.float64)  # correct and counted neighbors, in M and in C
    ranks = []
    for some in own.split(chunk):
        similarity = memory[some] @ memory.T
        allowed = previous_neighbors(previous[some], previous, some, k_previous)
        picked = constrained_nearest(similarity, allowed, k)
        for row, index in enumerate((similarity.topk(k, 1).indices, picked)):
            sums[row] += _count(index, label, some)
        ranks.append(rank_of(similarity, picked[:, -1:]).flatten())
    ranks = torch.cat(ranks).cpu()
    known = ranks[ranks != NO_RANK].double()
    median = known.quantile(0.5).item() if len(known) else float("nan")
    as_far = float("nan")
    if len(known):
        many, total = max(2, round(median)), torch.zeros(2, dtype=torch.float64)
        for some in own.split(chunk):
            index = (memory[some] @ memory.T).topk(min(many, len(memory)), 1).indices
            total += _count(index, label, some)
        as_far = _percent(total)
    return NeighborPurity(_percent(sums[0]), _percent(sums[1]), median, as_far, ranks)


def _check(size: int, queries: int, k: int, k_previous: int) -> None:
    if not 2 <= k <= size or not 1 <= k_previous <= size or not queries:
        raise ValueError(
            f"Expected at least one query, 2 <= k <= {size} and 1 <= k_previous <= {size} for a "
            f"memory of {size} features, but got {queries} queries, k={k} and "
            f"k_previous={k_previous}."
        )


def _count(index: Tensor, label: Tensor, own: Tensor) -> Tensor:
    """Count neighbors of the query's class, and those of known class: ``(2,)`` float64."""
    theirs, mine = label[index.clamp(min=0)], label[own][:, None]
    counted = (index >= 0) & (index != own[:, None]) & (theirs >= 0) & (mine >= 0)
    found = torch.stack([(counted & (theirs == mine)).sum(), counted.sum()])
    return found.cpu().double()


def _percent(sums: Tensor) -> float:
    right, total = sums.tolist()
    return 100 * right / total if total else float("nan")
