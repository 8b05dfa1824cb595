# SPDX-License-Identifier: Apache-2.0
"""The discriminative loss against both readings of its equation, feature by feature."""

import pytest
import torch

from rankseg.models.losses import discriminative_loss


def slow(feature, centres, reading):
    total = 0
    for row in feature:
        apart = [((row - centre) ** 2).sum().sqrt() for centre in centres]
        near, far = sorted(apart, key=lambda one: one.item())[:2]
        total += (
            (near - far) ** 2 if reading == "printed" else 1 - ((far - near) / (far + near)) ** 2
        )
    return total / len(feature)


@pytest.mark.parametrize("reading", ["enlarge", "printed"])
@pytest.mark.parametrize("rows", [1, 6])
def test_value_and_gradient(reading, rows):
    torch.manual_seed(0)
    feature, centres = torch.randn(rows, 4, dtype=torch.double), torch.randn(5, 4).double()
    values, grads = [], []
    for function in (discriminative_loss, slow):
        own = feature.clone().requires_grad_()
        value = function(own, centres, reading)
        value.backward()
        values.append(value.double())
        grads.append(own.grad)
    torch.testing.assert_close(*values, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-6)


def test_descent_moves_features_to_their_center():
    centres, feature = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.3]], requires_grad=True)
    discriminative_loss(feature, centres).backward()
    assert feature.grad > 0  # descent makes it smaller
    feature.grad = None
    discriminative_loss(feature, centres, "printed").backward()
    assert feature.grad < 0


def test_ends_of_the_range():
    centres = torch.tensor([[0.0, 0.0], [2.0, 0.0], [9.0, 9.0]])
    at, between = torch.zeros(1, 2, requires_grad=True), torch.tensor([[1.0, 5.0]])
    loss = discriminative_loss(at, centres)
    loss.backward()
    assert loss == 0 and at.grad.isfinite().all()
    assert discriminative_loss(between, centres) == 1
    same = torch.zeros(2, 2)
    loss = discriminative_loss(same.requires_grad_(), torch.zeros(2, 2))
    loss.backward()
    assert loss == 1 and same.grad.isfinite().all()


def test_scale_does_not_matter():
    torch.manual_seed(0)
    feature, centres = torch.randn(3, 4), torch.randn(5, 4)
    small, large = (discriminative_loss(s * feature, s * centres) for s in (1e-3, 1e3))
    torch.testing.assert_close(small, large)


def test_half_precision_is_computed_in_single():
    feature, centres = torch.tensor([[300.0, 0.0]]), torch.tensor([[0.0, 0.0], [400.0, 0.0]])
    wanted = discriminative_loss(feature, centres)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = discriminative_loss(feature.bfloat16(), centres)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("centres", "reading", "message"),
    [(1, "enlarge", "cluster centers, but got 1"), (2, "both", "reading .* but got 'both'")],
)
def test_refused(centres, reading, message):
    with pytest.raises(ValueError, match=message):
        discriminative_loss(torch.zeros(1, 2), torch.zeros(centres, 2), reading)
