# SPDX-License-Identifier: Apache-2.0
"""Purity and ranks against loops over sorted lists."""

import math
import statistics

import pytest
import torch

from rankseg.evaluation.neighbor_purity import (
    constrained_nearest,
    neighbor_purity,
    previous_neighbors,
    rank_of,
)


def cosine(a, b):
    norm = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm


def slow(memory, previous, label, own, k, k_previous):
    """CMSF, section 2.1 and Figure 5, in plain Python."""
    memory, previous, label = memory.tolist(), previous.tolist(), label.tolist()

    def nearest(features, i, among, count):
        return sorted(among, key=lambda j: -cosine(features[i], features[j]))[:count]

    def share(pairs):
        known = [label[i] == label[j] for i, j in pairs if i != j and min(label[i], label[j]) >= 0]
        return 100 * sum(known) / len(known) if known else math.nan

    everyone, ranks, free, bound = range(len(memory)), [], [], []
    for i in own.tolist():
        order = nearest(memory, i, everyone, len(memory))
        constraint = {*nearest(previous, i, everyone, k_previous), i}
        chosen = nearest(memory, i, constraint, k)
        free += [(i, j) for j in order[:k]]
        bound += [(i, j) for j in chosen]
        ranks.append(order.index(chosen[-1]) + 1 if len(chosen) == k else 0)
    median = statistics.median([rank for rank in ranks if rank])
    far = [
        (i, j)
        for i in own.tolist()
        for j in nearest(memory, i, everyone, len(memory))[: max(2, round(median))]
    ]
    return share(free), share(bound), median, share(far), ranks


@pytest.mark.parametrize(("k", "k_previous"), [(2, 3), (5, 5), (5, 12), (3, 40)])
@pytest.mark.parametrize("chunk", [4, 256])
def test_against_sorted_lists(k, k_previous, chunk):
    generator = torch.Generator().manual_seed(k)
    label = torch.randint(-1, 4, (40,), generator=generator)
    centres = torch.randn(5, 6, generator=generator)[label]
    memory, previous = (3 * centres + torch.randn(2, 40, 6, generator=generator)).unbind()
    own = torch.randperm(40, generator=generator)[:15]
    found = neighbor_purity(memory, previous, label, own, k=k, k_previous=k_previous, chunk=chunk)
    wanted = slow(memory, previous, label, own, k, k_previous)
    assert found[:4] == pytest.approx(wanted[:4])
    assert found.ranks.tolist() == wanted[4]


def test_without_a_constraint_both_are_the_same():
    memory, label = torch.randn(30, 4), torch.arange(30) % 3
    found = neighbor_purity(memory, memory, label, torch.arange(30), k=5, k_previous=30)
    assert found.nearest == found.constrained and found.median_rank == 5
    assert found.as_far == found.nearest


def test_ties_share_the_best_rank_and_none_has_none():
    similarity = torch.tensor([[0.9, 0.5, 0.5, 0.1]])
    found = rank_of(similarity, torch.tensor([[0, 1, 2, 3, -1]]))
    assert found.tolist() == [[1, 2, 2, 4, 0]]


def test_fewer_allowed_than_asked_for():
    similarity = torch.tensor([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]])
    allowed = torch.tensor([[True, False, True], [False, False, False]])
    assert constrained_nearest(similarity, allowed, 3).tolist() == [[2, 0, -1], [-1, -1, -1]]


def test_fewer_in_the_constraint_than_neighbors():
    torch.manual_seed(0)
    memory, label = torch.randn(6, 3), torch.zeros(6, dtype=torch.long)
    found = neighbor_purity(memory, memory, label, torch.arange(6), k=4, k_previous=2)
    assert found.ranks.tolist() == [0] * 6
    assert math.isnan(found.median_rank) and math.isnan(found.as_far)
    assert found.constrained == 100


def test_oneself_is_in_the_constraint_whatever_the_earlier_features_say():
    memory = torch.eye(3)
    allowed = previous_neighbors(-memory, memory, torch.arange(3), 1)
    assert allowed.diagonal().all()


def test_unknown_classes_are_not_counted():
    memory = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2]])
    label = torch.tensor([0, -1, 0])
    found = neighbor_purity(memory, memory, label, torch.tensor([0]), k=3, k_previous=3)
    assert found.nearest == 100
    found = neighbor_purity(memory, memory, label, torch.tensor([1]), k=3, k_previous=3)
    assert math.isnan(found.nearest)


@pytest.mark.parametrize(
    ("queries", "k", "k_previous"), [(0, 2, 2), (1, 1, 2), (1, 4, 2), (1, 2, 0), (1, 2, 4)]
)
def test_mistakes(queries, k, k_previous):
    memory, label = torch.eye(3), torch.arange(3)
    with pytest.raises(ValueError, match=f"memory of 3 .*k={k} and k_previous={k_previous}"):
        neighbor_purity(memory, memory, label, torch.arange(queries), k=k, k_previous=k_previous)
