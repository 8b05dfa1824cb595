# SPDX-License-Identifier: Apache-2.0
"""InfoNCE against its equation, pair by pair."""

import math

import torch
import torch.nn.functional as F

from rankseg.models.losses import info_nce


def draw(count=5, others=7):
    generator = torch.Generator().manual_seed(0)
    query, keys = (torch.randn(n, 4, generator=generator) for n in (count, others))
    query, keys = (F.normalize(x, dim=1) for x in (query, keys))
    return query.requires_grad_(), keys, torch.tensor([6, 1, 0, 3, 3])


def reference(query, keys, own, temperature):
    total = 0
    for i, q in enumerate(query.double()):
        weights = [torch.exp(q @ k / temperature) for k in keys.double()]
        total = total - torch.log(weights[own[i]] / sum(weights))
    return total / len(query)


def test_value_and_gradient_equal_the_equation():
    query, keys, own = draw()
    found, wanted = info_nce(query, keys, own, 0.2), reference(query, keys, own, 0.2)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    grads = [torch.autograd.grad(loss, query)[0] for loss in (found, wanted)]
    torch.testing.assert_close(*grads)
    assert grads[0].abs().max() > 0


def test_does_not_depend_on_the_order_of_the_keys():
    query, keys, own = draw()
    order = torch.randperm(7)
    found = info_nce(query, keys[order], order.argsort()[own], 0.2)
    torch.testing.assert_close(found, info_nce(query, keys, own, 0.2))


def test_equal_keys_tell_nothing():
    query, keys, own = draw()
    loss = info_nce(query, keys[:1].expand(7, 4), own, 0.1)
    assert math.isclose(loss.item(), math.log(7), rel_tol=1e-6)


def test_keys_receive_no_gradient():
    query, keys, own = draw()
    info_nce(query, keys.requires_grad_(), own, 0.2).backward()
    assert keys.grad is None
