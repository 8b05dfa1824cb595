# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.losses import contrastive_clustering, pair_distance


def slow(feature, centres):
    ratios = []
    for row in feature:
        distance = sorted(((row - centre) ** 2).sum() ** 0.5 for centre in centres)
        ratios.append(distance[0] / distance[1])
    return sum(ratios) / len(ratios)


@pytest.mark.parametrize("rows", [1, 6])
def test_value_and_gradient_equal_the_equation(rows):
    torch.manual_seed(rows)
    feature, centres = torch.randn(rows, 5, requires_grad=True), torch.randn(7, 5)
    other = feature.detach().double().requires_grad_()
    found, wanted = contrastive_clustering(feature, centres), slow(other, centres.double())
    assert 0 < found < 1 and found.item() == pytest.approx(wanted.item(), rel=1e-5)
    (one,), (two,) = torch.autograd.grad(found, feature), torch.autograd.grad(wanted, other)
    torch.testing.assert_close(one.double(), two, rtol=1e-4, atol=1e-6)


def test_zero_at_a_centre_one_half_way_between_two():
    centres = torch.tensor([[0.0, 0], [2, 0], [9, 9]])
    feature = torch.tensor([[0.0, 0]], requires_grad=True)
    loss = contrastive_clustering(feature, centres)
    loss.backward()
    assert loss == 0 and feature.grad.isfinite().all()
    assert contrastive_clustering(torch.tensor([[1.0, 5]]), centres).item() == pytest.approx(1)


def test_a_step_goes_to_the_nearest_centre_and_away_from_the_next():
    centres = torch.tensor([[0.0, 0], [4, 0], [50, 0]])
    feature = torch.tensor([[1.0, 0]], requires_grad=True)
    contrastive_clustering(feature, centres).backward()
    assert feature.grad[0, 0] > 0 and feature.grad[0, 1] == 0


def test_centres_are_constants():
    centres = torch.randn(3, 4, requires_grad=True)
    contrastive_clustering(torch.randn(2, 4, requires_grad=True), centres).backward()
    assert centres.grad is None


def test_centres_in_one_place_and_too_few_of_them():
    feature = torch.zeros(2, 3, requires_grad=True)
    loss = contrastive_clustering(feature, torch.zeros(4, 3))
    loss.backward()
    assert loss == 0 and feature.grad.isfinite().all()
    with pytest.raises(ValueError, match="1 cluster centres: expected 2 or more"):
        contrastive_clustering(feature, torch.zeros(1, 3))


def test_distance_of_pairs():
    first = torch.tensor([[0.0, 3], [1, 1]], requires_grad=True)
    second = torch.tensor([[4.0, 0], [1, 1]], requires_grad=True)
    loss = pair_distance(first, second)
    loss.backward()
    assert loss.item() == 2.5
    torch.testing.assert_close(first.grad, torch.tensor([[-0.4, 0.3], [0, 0]]))
    torch.testing.assert_close(second.grad, -first.grad)
