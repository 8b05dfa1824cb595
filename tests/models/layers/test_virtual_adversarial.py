# SPDX-License-Identifier: Apache-2.0
"""The direction that changes a prediction most, where it is known."""

import pytest
import torch

from rankseg.models.layers import VirtualAdversarial
from rankseg.models.layers.virtual_adversarial import unit_vectors


def along(axis):
    """A decoder of one position that looks at one of four channels alone."""
    return lambda feature: torch.stack((feature[:, axis], -feature[:, axis]), 1)


@pytest.mark.parametrize("axis", [0, 3])
def test_the_direction_is_what_the_decoder_looks_at(axis):
    torch.manual_seed(0)
    feature = torch.randn(3, 4, 1, 1)
    found = VirtualAdversarial(radius=2.0)(feature, None, along(axis)) - feature
    wanted = torch.zeros(3, 4, 1, 1)
    wanted[:, axis] = 2.0
    torch.testing.assert_close(found.abs(), wanted, atol=1e-4, rtol=1e-4)


def test_it_changes_more_than_chance():
    torch.manual_seed(0)
    decoder = torch.nn.Conv2d(16, 3, 1)
    feature = torch.randn(8, 16, 5, 5)

    def change(step):
        before, after = (decoder(x).softmax(1) for x in (feature, feature + step))
        return (before - after).square().sum((1, 2, 3))

    found = VirtualAdversarial(radius=0.5)(feature, None, decoder) - feature
    chance = 0.5 * unit_vectors(torch.randn_like(feature))
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.full((8,), 0.5))
    assert (change(found) > 2 * change(chance)).all()
    more = VirtualAdversarial(radius=0.5, iterations=8)(feature, None, decoder) - feature
    assert change(more).sum() > change(found).sum()


def test_an_image_has_no_say_in_the_direction_of_another():
    decoder = torch.nn.Conv2d(16, 3, 1)
    feature = torch.randn(2, 16, 5, 5)
    found = []
    for other in (1.0, 7.0):
        torch.manual_seed(0)
        pair = torch.stack((feature[0], other * feature[1]))
        found.append(VirtualAdversarial()(pair, None, decoder)[0])
    torch.testing.assert_close(*found)


def test_gradients_go_to_the_feature_and_not_to_the_decoder():
    decoder, feature = torch.nn.Conv2d(4, 3, 1), torch.randn(2, 4, 3, 3, requires_grad=True)
    found = VirtualAdversarial()(feature, None, decoder)
    assert decoder.weight.grad is None and feature.grad is None
    found.sum().backward()
    assert decoder.weight.grad is None and feature.grad.eq(1).all()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4])
def test_decoders_that_hardly_or_hugely_change(scale):
    feature = torch.randn(2, 4, 3, 3)
    found = VirtualAdversarial()(feature, None, lambda x: scale * x[:, :3])
    assert found.isfinite().all()
    assert (found - feature).flatten(1).norm(dim=1).le(2.01).all()


def test_under_autocast_it_searches_in_float32():
    decoder, seen = torch.nn.Conv2d(4, 3, 1), []

    def decode(x):
        seen.append(decoder(x).dtype)
        return decoder(x)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = VirtualAdversarial()(torch.randn(2, 4, 3, 3).bfloat16(), None, decode)
    assert found.dtype == torch.bfloat16 and set(seen) == {torch.float32}


def test_unit_vectors_of_tiny_and_of_no_length():
    values = torch.stack((torch.full((4, 1, 1), 1e-42), torch.zeros(4, 1, 1), torch.ones(4, 1, 1)))
    torch.testing.assert_close(
        unit_vectors(values).flatten(1)[1:], torch.tensor([[0.0] * 4, [0.5] * 4])
    )
    assert unit_vectors(1e-20 * values[2:]).flatten().tolist() == [0.5] * 4


def test_bad_iterations():
    with pytest.raises(ValueError, match="iterations=0"):
        VirtualAdversarial(iterations=0)
