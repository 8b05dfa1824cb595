# SPDX-License-Identifier: Apache-2.0
"""Are neighbours that a constraint picks of the query's class, and how far away are they?"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

NO_RANK = 0  # of a place that holds no neighbour


class NeighbourPurity(NamedTuple):
    """Neighbours of queries in a memory ``M`` and in its constrained part ``C``.

    Purity is the share, in percent, of neighbours of the query's class. The query's own entry is no
    neighbour in it, nor are entries whose class is not known.

    Attributes:
        nearest: Purity of the ``k`` nearest in ``M``.
        constrained: Purity of the ``k`` nearest in ``C``.
        median_rank: Median ``m`` over queries of the rank in ``M`` of the ``k``-th in ``C``.
        as_far: Purity of the ``m`` nearest in ``M``.
        ranks: ``(Q,)`` int64, those ranks; 1 is the nearest, 0 where ``C`` has fewer than ``k``.
    """

    nearest: float
    constrained: float
    median_rank: float
    as_far: float
    ranks: Tensor


def rank_of(similarity: Tensor, index: Tensor) -> Tensor:
    """Rank of entries among all by similarity, 1 for the nearest; equals share the best rank.

    Args:
        similarity: ``(Q, N)`` of each query to each entry.
        index: ``(Q, k)`` int64 entries, of which -1 is none.

    Returns:
        ``(Q, k)`` int64, 0 for none.
    """
    own = similarity.gather(1, index.clamp(min=0))
    order = similarity.sort(1).values
    closer = similarity.shape[1] - torch.searchsorted(order, own.contiguous(), right=True)
    return torch.where(index < 0, NO_RANK, closer + 1)


def constrained_nearest(similarity: Tensor, allowed: Tensor, k: int) -> Tensor:
    """The ``k`` nearest entries among those allowed.

    Args:
        similarity: ``(Q, N)``.
        allowed: ``(Q, N)`` bool.
        k: How many, at most ``N``.

    Returns:
        ``(Q, k)`` int64, the nearest first; -1 where fewer are allowed.
    """
    values, index = similarity.masked_fill(~allowed, -torch.inf).topk(k, 1)
    return torch.where(values == -torch.inf, -1, index)


def previous_neighbours(query: Tensor, memory: Tensor, own: Tensor, k: int) -> Tensor:
    """The constraint of CMSF without labels: the ``k`` nearest in an earlier memory, and oneself.

    Args:
        query: ``(Q, D)`` earlier features of the queries, of length 1.
        memory: ``(N, D)`` earlier features of the entries, of length 1.
        own: ``(Q,)`` int64, each query's own entry.
        k: :math:`k'`, at most ``N``.

    Returns:
        ``(Q, N)`` bool.
    """
    allowed = torch.zeros(len(query), len(memory), dtype=torch.bool, device=memory.device)
    allowed.scatter_(1, (query @ memory.T).topk(k, 1).indices, True)
    return allowed.scatter_(1, own[:, None], True)


@torch.no_grad()
def neighbour_purity(
    memory: Tensor,
    previous: Tensor,
    label: Tensor,
    own: Tensor,
    *,
    k: int = 5,
    k_previous: int = 5,
    chunk: int = 256,
) -> NeighbourPurity:
    """Purity and ranks of the neighbours that CMSF's constraint picks for some entries.

    Args:
        memory: ``(N, D)`` features ``M``, of any length.
        previous: ``(N, D)`` features ``M'`` of the same images, another view or an earlier pass.
        label: ``(N,)`` int64 true classes, -1 where unknown.
        own: ``(Q,)`` int64 entries that ask.
        k: Neighbours that are counted, the query itself among them; at least 2.
        k_previous: Neighbours in ``M'`` that may be chosen from, :math:`k'`.
        chunk: Queries at a time; a few ``chunk x N`` matrices are in memory.

    Raises:
        ValueError: If ``k`` is not from 2 to ``N``, ``k_previous`` not from 1 to ``N``, or nobody
            asks.

    Source: CMSF (ECCV 2022), Figure 5 and Table 1 (right).
    """
    _check(len(memory), len(own), k, k_previous)
    memory, previous = (F.normalize(part.float(), dim=1) for part in (memory, previous))
    label, own = label.to(memory.device), own.to(memory.device)
    sums = torch.zeros(2, 2, dtype=torch.float64)  # right and counted neighbours, in M and in C
    ranks = []
    for some in own.split(chunk):
        similarity = memory[some] @ memory.T
        allowed = previous_neighbours(previous[some], previous, some, k_previous)
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
    return NeighbourPurity(_percent(sums[0]), _percent(sums[1]), median, as_far, ranks)


def _check(size: int, queries: int, k: int, k_previous: int) -> None:
    if not 2 <= k <= size or not 1 <= k_previous <= size or not queries:
        raise ValueError(
            f"neighbour purity of {queries} queries with k={k} and k_previous={k_previous} in a "
            f"memory of {size}: expected a query, 2 <= k <= {size} and 1 <= k_previous <= {size}"
        )


def _count(index: Tensor, label: Tensor, own: Tensor) -> Tensor:
    """``(2,)`` float64: neighbours of the query's class, and all whose class is known."""
    theirs, mine = label[index.clamp(min=0)], label[own][:, None]
    counted = (index >= 0) & (index != own[:, None]) & (theirs >= 0) & (mine >= 0)
    found = torch.stack([(counted & (theirs == mine)).sum(), counted.sum()])
    return found.cpu().double()


def _percent(sums: Tensor) -> float:
    right, total = sums.tolist()
    return 100 * right / total if total else float("nan")
