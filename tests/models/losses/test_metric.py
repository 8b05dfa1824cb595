# SPDX-License-Identifier: Apache-2.0
"""Losses of embeddings against slow loops."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from rankseg.models.losses import contrastive_clustering, pair_distance
from rankseg.models.losses.metric import NAMES, build_metric, takes_references


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("rankseg")


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_all_are_built_by_name(name):
    sizes = dict(num_classes=3, embedding_size=4) if name.startswith("Proxy") else {}
    assert type(build_metric(dict(type=name, **sizes))).__name__ == name


def test_options_are_built_too():
    loss = build_metric(dict(type="ContrastiveLoss", distance=dict(type="CosineSimilarity")))
    assert type(loss.distance).__name__ == "CosineSimilarity"


def test_which_losses_compare_with_a_memory():
    assert takes_references(build_metric(dict(type="MultiSimilarityLoss")))
    proxies = dict(type="ProxyAnchorLoss", num_classes=3, embedding_size=4)
    assert not takes_references(build_metric(proxies))


def slow_multi_similarity(x, y, alpha, beta, base, epsilon):
    """Equations 10 to 12 of Multi-Similarity (CVPR 2019), image by image."""
    total = 0.0
    for i in range(len(x)):
        same = [x[i] @ x[j] for j in range(len(x)) if j != i and y[j] == y[i]]
        other = [x[i] @ x[j] for j in range(len(x)) if y[j] != y[i]]
        hard_same = [s for s in same if s - epsilon < max(other)]
        hard_other = [s for s in other if s + epsilon > min(same)]
        pull = sum(torch.exp(-alpha * (s - base)) for s in hard_same)
        push = sum(torch.exp(beta * (s - base)) for s in hard_other)
        total = total + torch.log(1 + torch.as_tensor(pull)) / alpha
        total = total + torch.log(1 + torch.as_tensor(push)) / beta
    return total / len(x)


def test_multi_similarity_is_that_of_the_paper():
    torch.manual_seed(0)
    raw = torch.randn(12, 3, dtype=torch.float64)
    label = torch.arange(12) % 4
    grads = []
    loss = build_metric(dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5))
    miner = build_metric(dict(type="MultiSimilarityMiner", epsilon=0.1))
    slow = dict(alpha=2, beta=50, base=0.5, epsilon=0.1)
    for run in (
        lambda x: loss(x, label, miner(x, label)),
        lambda x: slow_multi_similarity(x, label, **slow),
    ):
        leaf = raw.clone().requires_grad_()
        value = run(F.normalize(leaf, dim=1))
        value.backward()
        grads.append((value.detach(), leaf.grad))
    torch.testing.assert_close(grads[0], grads[1])
    assert 0 < grads[0][0] < 100 and math.isfinite(grads[0][1].sum())


def slow(feature, centres, own):
    ratios = []
    for i, row in enumerate(feature):
        distance = [((row - centre) ** 2).sum() ** 0.5 for centre in centres]
        if own is None:
            first, second = sorted(distance)[:2]
            ratios.append(first / second)
        else:
            first, second = distance.pop(own[i]), min(distance)
            ratios.append(2 * first / (first + second))
    return sum(ratios) / len(ratios)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("rows", [1, 6])
def test_value_and_gradient_equal_the_equation(rows, own):
    torch.manual_seed(rows)
    feature, centres = torch.randn(rows, 5, requires_grad=True), torch.randn(7, 5)
    own = torch.tensor([3, 0, 6, 3, 2, 1])[:rows] if own else None
    other = feature.detach().double().requires_grad_()
    found, wanted = (contrastive_clustering(feature, centres, own),
                     slow(other, centres.double(), own))  # fmt: skip
    assert 0 < found < (1 if own is None else 2) and found.item() == pytest.approx(
        wanted.item(), rel=1e-5
    )
    (one,), (two,) = torch.autograd.grad(found, feature), torch.autograd.grad(wanted, other)
    torch.testing.assert_close(one.double(), two, rtol=1e-4, atol=1e-6)


def test_zero_at_a_center_one_half_way_between_two():
    centres = torch.tensor([[0.0, 0], [2, 0], [9, 9]])
    feature = torch.tensor([[0.0, 0]], requires_grad=True)
    loss = contrastive_clustering(feature, centres)
    loss.backward()
    assert loss == 0 and feature.grad.isfinite().all()
    assert contrastive_clustering(torch.tensor([[1.0, 5]]), centres).item() == pytest.approx(1)


def test_a_step_goes_to_the_nearest_center_and_away_from_the_next():
    centres = torch.tensor([[0.0, 0], [4, 0], [50, 0]])
    feature = torch.tensor([[1.0, 0]], requires_grad=True)
    contrastive_clustering(feature, centres).backward()
    assert feature.grad[0, 0] > 0 and feature.grad[0, 1] == 0


def test_a_step_goes_to_its_own_center_however_far():
    centres = torch.tensor([[0.0, 0], [4, 0], [50, 0]])
    feature = torch.tensor([[1.0, 0]], requires_grad=True)
    contrastive_clustering(feature, centres, torch.tensor([1])).backward()
    assert feature.grad[0, 0] < 0, "away from the nearest one"


def test_features_at_one_center_are_no_minimum_where_images_have_their_own():
    torch.manual_seed(0)
    centres, own = torch.nn.functional.normalize(torch.randn(9, 5), dim=1), torch.arange(9)
    collapsed = centres[:1].expand(9, 5)
    assert contrastive_clustering(collapsed, centres) == 0
    assert contrastive_clustering(collapsed, centres, own) == pytest.approx(2 * 8 / 9)
    assert contrastive_clustering(centres, centres, own) == 0


@pytest.mark.parametrize("own", [None, torch.tensor([2, 0])])
def test_centers_are_constants(own):
    centres = torch.randn(3, 4, requires_grad=True)
    contrastive_clustering(torch.randn(2, 4, requires_grad=True), centres, own).backward()
    assert centres.grad is None


def test_centers_in_one_place_and_too_few_of_them():
    feature = torch.zeros(2, 3, requires_grad=True)
    for own in (None, torch.tensor([0, 3])):
        loss = contrastive_clustering(feature, torch.zeros(4, 3), own)
        loss.backward()
        assert loss == 0 and feature.grad.isfinite().all()
    with pytest.raises(ValueError, match="Expected 2 or more cluster centers, but got 1"):
        contrastive_clustering(feature, torch.zeros(1, 3))


def test_distance_of_pairs():
    first = torch.tensor([[0.0, 3], [1, 1]], requires_grad=True)
    second = torch.tensor([[4.0, 0], [1, 1]], requires_grad=True)
    loss = pair_distance(first, second)
    loss.backward()
    assert loss.item() == 2.5
    torch.testing.assert_close(first.grad, torch.tensor([[-0.4, 0.3], [0, 0]]))
    torch.testing.assert_close(second.grad, -first.grad)
