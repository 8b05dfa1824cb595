# SPDX-License-Identifier: Apache-2.0
"""Mean shift against loops written from the equation."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import mean_shift, nearest


def slow_nearest(similarity, k, allowed):
    """Sorted lists of the entries that are allowed."""
    chosen = torch.zeros(similarity.shape, dtype=torch.bool)
    for i, row in enumerate(similarity.tolist()):
        open_ones = [j for j in range(len(row)) if allowed[i][j]]
        for j in sorted(open_ones, key=lambda j: -row[j])[: k or len(row)]:
            chosen[i, j] = True
    return chosen


@pytest.mark.parametrize("k", [1, 3, 12, 50, None])
def test_nearest(k):
    torch.manual_seed(0)
    similarity, allowed = torch.randn(5, 12), torch.rand(5, 12) < 0.4
    allowed[1], allowed[2] = True, False
    assert torch.equal(nearest(similarity, k, allowed), slow_nearest(similarity, k, allowed))
    every = torch.arange(12) % 3 > 0  # the same for all queries
    wanted = slow_nearest(similarity, k, every.expand(5, 12))
    assert torch.equal(nearest(similarity, k, every), wanted)


def test_of_equals_some_are_chosen_and_never_too_many():
    chosen = nearest(torch.tensor([[1.0, 2.0, 1.0, 1.0, 0.0]]), 3, torch.ones(1, 5).bool())
    assert chosen.sum() == 3 and chosen[0, 1] and not chosen[0, 4]


def test_nothing_that_is_not_allowed_fills_up():
    chosen = nearest(torch.tensor([[-torch.inf, 0.5, 2.0]]), 2, torch.tensor([[True, True, False]]))
    assert chosen.tolist() == [[True, True, False]]


def test_values_and_gradients_of_the_equation():
    torch.manual_seed(0)
    entries = F.normalize(torch.randn(9, 4), dim=1)
    raw = torch.randn(3, 4, requires_grad=True)
    chosen = torch.rand(3, 9) < 0.5
    chosen[2] = torch.arange(9) == 4  # one neighbor: BYOL
    found = mean_shift(F.normalize(raw, dim=1), entries, chosen)
    (mine,) = torch.autograd.grad(found.mean(), raw)
    total, rows = 0.0, []
    for v, row in zip(F.normalize(raw, dim=1), chosen, strict=True):
        terms = [((v - z) ** 2).sum() for z, is_in in zip(entries, row, strict=True) if is_in]
        rows.append(sum(terms) / len(terms))
        total = total + rows[-1] / 3
    (theirs,) = torch.autograd.grad(total, raw)
    torch.testing.assert_close(found, torch.stack(rows))
    torch.testing.assert_close(mine, theirs)


def test_several_views_are_the_mean_of_their_losses():
    torch.manual_seed(0)
    entries, chosen = F.normalize(torch.randn(9, 4), dim=1), torch.rand(2, 9) < 0.6
    views = F.normalize(torch.randn(3, 2, 4), dim=2)
    wanted = sum(mean_shift(view, entries, chosen) for view in views) / 3
    torch.testing.assert_close(mean_shift(views.mean(0), entries, chosen), wanted)


def test_an_empty_set_is_zero():
    online = torch.randn(2, 4, requires_grad=True)
    chosen = torch.tensor([[False, False], [True, False]])
    found = mean_shift(online, torch.eye(4)[:2], chosen)
    (gradient,) = torch.autograd.grad(found.sum(), online)
    assert found[0] == 0 and not gradient[0].any() and gradient[1].any()


def test_float32_under_autocast():
    online, entries = F.normalize(torch.randn(2, 64)), F.normalize(torch.randn(5, 64))
    chosen = torch.ones(2, 5, dtype=torch.bool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mean_shift(online, entries, chosen)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, mean_shift(online, entries, chosen))
