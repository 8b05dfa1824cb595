# SPDX-License-Identifier: Apache-2.0
"""Sharpening and MixUp against loops over the equations of MixMatch."""

import pytest
import torch

from rankseg.models.mixup import draw_mixup, mixup, sharpen


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.0])
def test_sharpening_equals_the_equation(temperature):
    probability = torch.randn(6, 4).softmax(1)
    wanted = torch.empty(6, 4)
    for b in range(6):
        powers = [p ** (1 / temperature) for p in probability[b].tolist()]
        wanted[b] = torch.tensor([power / sum(powers) for power in powers])
    torch.testing.assert_close(sharpen(probability, temperature), wanted)


def test_sharpening_keeps_ties_and_certainty():
    probability = torch.tensor([[0.4, 0.4, 0.2], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    found = sharpen(probability, 0.01)
    torch.testing.assert_close(
        found, torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    )
    many = sharpen(torch.full((1, 1000), 1e-3, dtype=torch.bfloat16), 0.01)  # 1e-300 of each
    assert many.dtype == torch.float32 and many.isfinite().all()


def test_shares_are_of_a_beta_distribution_and_at_least_a_half():
    share, partner = draw_mixup(20_000, 0.75)
    assert share.min() >= 0.5 and share.max() <= 1
    assert sorted(partner.tolist()) == list(range(20_000))
    # |2 lambda - 1| has the same second moment for max(lambda, 1 - lambda): 4 var of Beta(a, a)
    assert (2 * share - 1).square().mean().item() == pytest.approx(1 / (2 * 0.75 + 1), abs=0.01)
    assert len(share.unique()) > 15_000  # one for every image


def test_draws_belong_to_the_seed():
    torch.manual_seed(5)
    first = draw_mixup(10, 0.75)
    torch.manual_seed(5)
    second = draw_mixup(10, 0.75)
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_one_image_is_mixed_with_itself():
    share, partner = draw_mixup(1, 0.75)
    image = torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(mixup(image, share, partner), image)


@pytest.mark.parametrize("shape", [(5, 3, 2, 2), (5, 4)])
def test_images_and_labels_are_mixed_row_by_row(shape):
    values, (share, partner) = torch.randn(shape), draw_mixup(5, 0.75)
    before = values.clone()
    found = mixup(values, share, partner)
    for i in range(5):
        wanted = share[i] * values[i] + (1 - share[i]) * values[partner[i]]
        torch.testing.assert_close(found[i], wanted)
    assert torch.equal(values, before)
