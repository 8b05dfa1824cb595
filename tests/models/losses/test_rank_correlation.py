# SPDX-License-Identifier: Apache-2.0
import math
from itertools import permutations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import RankCorrelationLoss, orthogonal_agents, rank_correlation
from rankseg.testing.launches import count_launches


def slow_loss(weak, strong, num_agents, first, consistency, topk=4):
    """Pixel by pixel, order by order, from eqs. 4 to 8; averaged over pixels only."""
    total, pixels = 0.0, 0
    agents = orthogonal_agents(weak, num_agents, first)
    flat = weak.flatten(2).double(), strong.flatten(2).double()
    for w, s, chosen in zip(*flat, agents, strict=True):
        for j in range(w.shape[1]):
            c_w = torch.softmax(w[:, j] @ w[:, chosen], 0).detach()
            c_s = torch.softmax(s[:, j] @ s[:, chosen], 0)
            pixels += 1
            if consistency == "kl":
                total = total + (c_w * (c_w.log() - c_s.log())).sum()
            elif consistency == "ce":
                total = total - (c_w * c_s.log()).sum()
            elif consistency == "l2":
                total = total + ((c_w - c_s) ** 2).sum()
            else:
                top = c_w.topk(topk).indices
                for order in permutations(top.tolist()):
                    p, q = (
                        math.prod(c[order[n]] / c[list(order[n:])].sum() for n in range(topk))
                        for c in (c_w, c_s)
                    )
                    total = total + p * (p.log() - q.log())
    return total / pixels


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    weak = torch.randn(2, 6, 3, 4, generator=generator) * 0.7
    strong = weak + 0.3 * torch.randn(2, 6, 3, 4, generator=generator)
    return weak, strong, torch.tensor([1, 10])


@pytest.mark.parametrize(
    ("consistency", "entries"), [("rank", 24), ("kl", 5), ("ce", 5), ("l2", 5)]
)
@pytest.mark.parametrize("reduction", ["pixel", "element"])
def test_equals_the_slow_loss_with_its_gradient(features, consistency, entries, reduction):
    weak, strong, first = features
    slow = strong.clone().requires_grad_()
    wanted = slow_loss(weak, slow, 5, first, consistency)
    wanted = wanted / (entries if reduction == "element" else 1)
    wanted.backward()
    fast = strong.clone().requires_grad_()
    loss = RankCorrelationLoss(5, 4, "orthogonal", consistency, reduction, loss_weight=1.0)
    found = loss(weak, fast, first)
    found.backward()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-4)
    torch.testing.assert_close(fast.grad, slow.grad, rtol=2e-3, atol=1e-6)


def test_weight_scales(features):
    weak, strong, first = features
    one, tenth = (RankCorrelationLoss(5, loss_weight=w)(weak, strong, first) for w in (1.0, 0.1))
    assert tenth.item() == pytest.approx(0.1 * one.item(), rel=1e-6)


def test_equal_views_cost_nothing(features):
    weak, _, first = features
    assert RankCorrelationLoss(5)(weak, weak.clone(), first).abs().item() < 1e-7


def test_only_the_strong_view_learns(features):
    weak, strong, first = (f.clone() for f in features)
    weak.requires_grad_()
    strong.requires_grad_()
    RankCorrelationLoss(5)(weak, strong, first).backward()
    assert weak.grad is None and strong.grad.abs().sum() > 0


def test_valid_leaves_positions_out(features):
    weak, strong, first = features
    valid = torch.ones(2, 3, 4, dtype=torch.bool)
    loss = RankCorrelationLoss(12, selection="all", loss_weight=1.0)
    everything = loss(weak, strong, first)
    torch.testing.assert_close(loss(weak, strong, first, valid), everything)
    valid[0] = False
    wanted = loss(weak[1:], strong[1:])
    torch.testing.assert_close(loss(weak, strong, first, valid), wanted)
    assert loss(weak, strong, first, torch.zeros_like(valid)).item() == 0


@pytest.mark.parametrize("selection", ["orthogonal", "random", "topn", "all"])
@pytest.mark.parametrize("consistency", ["rank", "kl", "ce", "l2"])
def test_saturated_features_stay_finite(selection, consistency):
    weak = 50 * torch.randn(1, 32, 5, 5)
    strong = (50 * torch.randn(1, 32, 5, 5)).requires_grad_()
    loss = RankCorrelationLoss(8, selection=selection, consistency=consistency)(weak, strong)
    loss.backward()
    assert loss.isfinite() and strong.grad.isfinite().all()


def test_float32_under_autocast(features):
    weak, strong, first = features
    loss = RankCorrelationLoss(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(weak, strong, first)
    assert inside.dtype == torch.float32
    assert inside.item() == loss(weak, strong, first).item()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(selection="best"), "selection to be .* but got 'best'"),
        (dict(consistency="cosine"), "consistency to be .* but got 'cosine'"),
        (dict(reduction="sum"), "reduction to be .* but got 'sum'"),
        (dict(num_agents=3), "topk to be 2 to 3 for num_agents=3.* but got 4"),
        (dict(topk=9), "topk to be .* but got 9"),
        (dict(floor=0.0), "floor to be .* but got 0.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        RankCorrelationLoss(**options)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="features of one shape"):
        RankCorrelationLoss(4)(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 5, 5))


@pytest.mark.parametrize("cache", [0, 2**20])
@pytest.mark.parametrize("selection", ["orthogonal", "random", "topn", "all"])
def test_agents_of_two_views_are_those_of_one_after_the_other(selection, cache, monkeypatch):
    monkeypatch.setattr(rank_correlation, "CACHE_BYTES", cache)
    generator = torch.Generator().manual_seed(2)
    weak = [torch.randn(2, 6, 5, 4, generator=generator) for _ in range(2)]
    strong = [one + 0.3 for one in weak]
    loss = RankCorrelationLoss(8, selection=selection)
    torch.manual_seed(5)
    apart = [loss(*pair).item() for pair in zip(weak, strong, strict=True)]
    torch.manual_seed(5)
    chosen = loss.select_agents(weak)
    after = torch.rand(1)
    together = [
        loss(one, other, positions=agents).item()
        for one, other, agents in zip(weak, strong, chosen, strict=True)
    ]
    assert together == apart
    torch.manual_seed(5)
    for one in weak:
        loss.select_agents([one])
    assert torch.equal(torch.rand(1), after)  # as many random numbers were drawn


def test_large_features_are_selected_one_view_after_the_other_on_a_cpu(monkeypatch):
    weak, loss = [torch.randn(2, 6, 5, 4) for _ in range(2)], RankCorrelationLoss(8)
    counts = []
    for cache in (4 * 2 * weak[0].numel(), 4 * 2 * weak[0].numel() - 1):
        monkeypatch.setattr(rank_correlation, "CACHE_BYTES", cache)
        counts.append(count_launches(lambda: loss.select_agents(weak))["argmin"])
    assert counts == [7, 14]


def test_published_values(shared):
    data = np.load(shared / "golden" / "rank_corr_0.npz")
    weak, strong, first = (torch.tensor(data[key]) for key in ("fw", "fs", "first"))
    agents = int(data["N"])
    positions = orthogonal_agents(weak, agents, first)
    assert np.array_equal(positions.sort(1).values, data["positions"])
    strong.requires_grad_()
    loss = RankCorrelationLoss(agents, loss_weight=1.0)(weak, strong, first)
    loss.backward()
    assert loss.item() == pytest.approx(data["loss"].item(), rel=1e-5)
    assert np.allclose(strong.grad, data["grad"], rtol=1e-4, atol=1e-8)


def test_published_values_at_full_size(shared):
    data = np.load(shared / "golden" / "rank_corr_2.npz")
    shape, agents = tuple(data["shape"]), int(data["N"])
    generator = torch.Generator().manual_seed(int(data["seed"]))
    weak = F.avg_pool2d(torch.randn(shape, generator=generator), 3, 1, 1)
    strong = weak + 0.15 * torch.randn(shape, generator=generator)
    first = torch.randint(0, shape[2] * shape[3], (shape[0],), generator=generator)
    assert np.array_equal(first, data["first"])
    positions = orthogonal_agents(weak, agents, first)
    assert np.array_equal(positions.sort(1).values, data["positions"])
    strong.requires_grad_()
    loss = RankCorrelationLoss(agents, loss_weight=1.0)(weak, strong, first)
    loss.backward()
    assert loss.item() == pytest.approx(data["loss"].item(), rel=1e-5)
    assert strong.grad.norm().item() == pytest.approx(data["gradnorm"].item(), rel=1e-5)


@pytest.mark.parametrize(
    ("agents", "size", "number"),
    [(0.125, (33, 33), 136), (0.125, (9, 9), 10), (0.125, (4, 4), 4), (64, (21, 21), 64)],
)
def test_a_share_of_the_positions_are_agents(agents, size, number, monkeypatch):
    asked = []
    original = rank_correlation.SELECTIONS["random"]
    monkeypatch.setitem(
        rank_correlation.SELECTIONS,
        "random",
        lambda weak, count, first: asked.append(count) or original(weak, count, first),
    )
    loss = RankCorrelationLoss(agents, selection="random")
    loss(torch.randn(1, 3, *size), torch.randn(1, 3, *size))
    assert asked == [number] == [loss.agents_of(size[0] * size[1])]
    assert RankCorrelationLoss().num_agents == 0.125


@pytest.mark.parametrize("agents", [0.0, 1.5])
def test_a_share_is_above_0_and_at_most_1(agents):
    with pytest.raises(ValueError, match=f"num_agents to be .* share .* but got {agents}"):
        RankCorrelationLoss(agents)


def test_without_a_floor_far_correlations_learn():
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(1, 50, 12, generator=generator) * 100
    noise = torch.randn(1, 50, 12, generator=generator) * 10
    shares = []
    for floor in (1e-10, None):
        student = (teacher + noise).requires_grad_()
        loss = RankCorrelationLoss(12, floor=floor).per_pixel(teacher, student).sum()
        (gradient,) = torch.autograd.grad(loss, student)
        shares.append((gradient.abs().amax(2) > 1e-9).float().mean().item())
    assert shares[0] < 0.1 and shares[1] > 0.7
