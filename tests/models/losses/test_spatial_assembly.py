# SPDX-License-Identifier: Apache-2.0
"""The three terms against the equations, written out point by point."""

from itertools import product
from math import log2

import pytest
import torch
from torch.autograd import gradcheck

from rankseg.models.layers import doubly_normalized
from rankseg.models.losses import assembly_correlation, assembly_entropy, local_coherence
from rankseg.models.losses import spatial_assembly as module

ROWS, COLUMNS = 3, 4
N = ROWS * COLUMNS
PLACES = list(product(range(ROWS), range(COLUMNS)))


def some_weights(images: int = 2, seed: int = 0) -> torch.Tensor:
    """Neither rows nor columns sum to 1."""
    torch.manual_seed(seed)
    return torch.rand(images, N, N) + 0.01


def permutation(order: list[int]) -> torch.Tensor:
    """``(1, N, N)``: input point ``order[v]`` becomes output point ``v``."""
    weights = torch.zeros(1, N, N)
    for v, u in enumerate(order):
        weights[0, u, v] = 1.0
    return weights


def slow_entropy(w: torch.Tensor) -> float:
    total = 0.0
    for v in range(N):
        column = float(w[:, v].sum())
        total += sum(float(w[u, v]) / column * log2(column / float(w[u, v])) for u in range(N))
    for u in range(N):
        row = float(w[u].sum())
        total += sum(float(w[u, v]) / row * log2(row / float(w[u, v])) for v in range(N))
    return total


def slow_correlation(w: torch.Tensor) -> float:
    total = 0.0
    for first, second in product(range(N), repeat=2):
        if first != second:
            total += sum(float(w[first, v] * w[second, v]) for v in range(N))
            total += sum(float(w[u, first] * w[u, second]) for u in range(N))
    return total


def slow_coherence(w: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    total = torch.zeros((), dtype=w.dtype)
    maps = {place: w[PLACES.index(place)].view(ROWS, COLUMNS) for place in PLACES}
    for (i, j), (a, b) in product(PLACES, repeat=2):
        if (i, j) == (a, b) or max(abs(a - i), abs(b - j)) > 1:
            continue
        one, other = features[:, i, j], features[:, a, b]
        alike = float(one @ other / one.norm() / other.norm())
        squares = torch.zeros((), dtype=w.dtype)
        for n, m in PLACES:
            moved = n + a - i, m + b - j
            value = maps[a, b][moved] if moved in PLACES else 0.0
            squares = squares + (maps[i, j][n, m] - value) ** 2
        total = total + max(alike, 0.0) * squares.sqrt()
    return total


def test_entropy():
    w = some_weights()
    expected = torch.tensor([slow_entropy(one) for one in w])
    torch.testing.assert_close(assembly_entropy(w.log()), expected)
    logits = torch.randn(1, N, N).mul(3)
    smaller = assembly_entropy(doubly_normalized(logits.mul(2), 50))
    assert smaller < assembly_entropy(doubly_normalized(logits, 50))


def test_entropy_of_the_extremes():
    assert assembly_entropy(torch.zeros(1, N, N)).item() == pytest.approx(2 * N * log2(N))
    order = torch.randperm(N).tolist()
    assert assembly_entropy(permutation(order).log()).item() == pytest.approx(0, abs=1e-5)


def test_correlation():
    w = some_weights()
    expected = torch.tensor([slow_correlation(one) for one in w])
    torch.testing.assert_close(assembly_correlation(w), expected)
    order = torch.randperm(N).tolist()
    assert assembly_correlation(permutation(order)).item() == 0
    even = torch.full((1, N, N), 1 / N)
    assert assembly_correlation(even).item() == pytest.approx(2 * (N - 1))


def test_coherence():
    w, features = some_weights(), torch.randn(2, 5, ROWS, COLUMNS)
    expected = torch.stack([slow_coherence(*pair) for pair in zip(w, features, strict=True)])
    torch.testing.assert_close(local_coherence(w, features), expected)


def test_coherence_of_what_moves_together():
    features = torch.rand(1, 5, ROWS, COLUMNS) + 0.1
    assert local_coherence(torch.eye(N)[None], features).item() == 0
    # all go one to the right, and the last column comes to the front: only points that part pay
    right = [i * COLUMNS + (j - 1) % COLUMNS for i, j in PLACES]
    torn = torch.randperm(N).tolist()
    together, apart = (local_coherence(permutation(x), features).item() for x in (right, torn))
    assert 0 < together < 0.7 * apart
    # neighbors that are nothing alike may go anywhere
    alone = torch.eye(N).view(1, N, ROWS, COLUMNS)
    assert local_coherence(permutation(torn), alone).item() == 0


def test_coherence_goes_with_the_weights_alone():
    features = torch.rand(1, 5, ROWS, COLUMNS, requires_grad=True)
    w = some_weights(1).requires_grad_()
    local_coherence(w, features).sum().backward()
    assert features.grad is None and w.grad.abs().sum() > 0
    still = torch.eye(N)[None].requires_grad_()
    local_coherence(still, features).sum().backward()
    assert still.grad.isfinite().all()  # of a norm of 0


def test_gradients(monkeypatch):
    """Against differences, in double precision."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    w = some_weights(1).double().requires_grad_()
    features = torch.rand(1, 3, ROWS, COLUMNS).double()
    assert gradcheck(lambda x: assembly_entropy(x.log()), w)
    assert gradcheck(assembly_correlation, w)
    assert gradcheck(lambda x: local_coherence(x, features), w)


def test_turning_the_map_over_changes_nothing():
    """Rows and columns of places change their parts."""
    w, features = some_weights(1), torch.rand(1, 3, ROWS, COLUMNS)
    turned = w.view(1, ROWS, COLUMNS, ROWS, COLUMNS).permute(0, 2, 1, 4, 3).reshape(1, N, N)
    torch.testing.assert_close(
        local_coherence(w, features), local_coherence(turned, features.transpose(2, 3))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_point_and_one_row(dtype):
    one = torch.ones(2, 1, 1, dtype=dtype)
    assert assembly_entropy(one.log()).tolist() == assembly_correlation(one).tolist() == [0, 0]
    assert local_coherence(one, torch.ones(2, 3, 1, 1, dtype=dtype)).tolist() == [0, 0]
    row = torch.rand(1, 4, 4).to(dtype)
    result = local_coherence(row, torch.zeros(1, 2, 1, 4, dtype=dtype))  # features of length 0
    assert result.tolist() == [0] and result.dtype == torch.float32


def test_eight_neighbors():
    assert len(set(module.NEIGHBORS)) == 8
