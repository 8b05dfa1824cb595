# SPDX-License-Identifier: Apache-2.0
"""Losses with distributions as targets against loops over their equations."""

import torch

from rankseg.models.losses import soft_cross_entropy, soft_squared_error


def test_soft_cross_entropy_values_and_gradient():
    logits = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    target, weight = torch.randn(4, 3, dtype=torch.double).softmax(1), torch.tensor([1.0, 0, 1, 0])
    loss = soft_cross_entropy(logits, target, weight)
    loss.backward()
    wanted = sum(
        -w * target[b, k] * (logits[b].exp() / logits[b].exp().sum())[k].log()
        for b, w in enumerate(weight)
        for k in range(3)
    )
    torch.testing.assert_close(loss.double(), wanted / 4, rtol=1e-5, atol=0)
    gradient = weight[:, None] * (logits.softmax(1) - target) / 4
    torch.testing.assert_close(logits.grad, gradient.detach(), rtol=1e-5, atol=1e-7)


def test_soft_cross_entropy_of_an_impossible_class_is_finite():
    loss = soft_cross_entropy(torch.tensor([[1e4, -1e4]]), torch.tensor([[1.0, 0.0]]))
    assert loss == 0


def test_soft_squared_error_values_and_gradient():
    logits = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    target = torch.randn(4, 3, dtype=torch.double).softmax(1).requires_grad_()
    loss = soft_squared_error(logits, target)
    loss.backward()
    assert target.grad is None
    wanted, gradient = 0.0, torch.zeros(4, 3, dtype=torch.double)
    for b in range(4):
        p = logits[b].detach().exp() / logits[b].detach().exp().sum()
        for k in range(3):
            error = (p[k] - target[b, k]).item()
            wanted += error**2 / (4 * 3)
            for j in range(3):  # dp_k / dz_j = p_k ((j == k) - p_j)
                gradient[b, j] += 2 * error / (4 * 3) * p[k] * (float(j == k) - p[j])
    torch.testing.assert_close(loss.item(), wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-4, atol=1e-8)


def test_soft_squared_error_has_its_largest_value_between_sure_opposites():
    loss = soft_squared_error(torch.tensor([[1e4, -1e4, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    torch.testing.assert_close(loss, torch.tensor(2 / 3))
