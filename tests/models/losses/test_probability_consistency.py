# SPDX-License-Identifier: Apache-2.0
"""Squared difference of predictions against a loop over pixels."""

import pytest
import torch

from rankseg.models.losses import probability_consistency


def reference(logits, target, valid):
    total, count = 0.0, 0
    for b, y, x in valid.nonzero().tolist():
        p, q = logits[b, :, y, x].softmax(0), target[b, :, y, x].softmax(0)
        total, count = total + ((p - q) ** 2).sum() / len(p), count + 1
    return total / max(count, 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_values_and_gradient(size):
    logits = torch.randn(2, 5, *size, requires_grad=True)
    copy = logits.detach().clone().requires_grad_()
    target = torch.randn(2, 5, *size, requires_grad=True)
    valid = torch.rand(2, *size) > 0.3
    valid[0] = True
    loss, wanted = probability_consistency(logits, target, valid), reference(copy, target, valid)
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    wanted.backward(inputs=[copy])
    torch.testing.assert_close(logits.grad, copy.grad)
    assert target.grad is None


def test_nothing_valid_is_zero():
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    loss = probability_consistency(logits, logits + 1, torch.zeros(1, 3, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_equal_predictions_and_a_shift_of_logits_cost_nothing():
    logits, valid = torch.randn(1, 2, 3, 3), torch.ones(1, 3, 3, dtype=torch.bool)
    assert probability_consistency(logits, logits + 5, valid) < 1e-12


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="must agree"):
        probability_consistency(
            torch.randn(1, 2, 3, 3), torch.randn(1, 2, 1, 1), torch.ones(1, 3, 3)
        )
