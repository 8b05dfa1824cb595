# SPDX-License-Identifier: Apache-2.0
"""Codes of SwAV against plain Sinkhorn iterations, and its loss against the equation."""

import numpy as np
import pytest
import torch

from rankseg.models.losses import sinkhorn_codes, swapped_prediction


def scores(rows=6, columns=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(rows, columns, generator=generator) - 1


def reference(values, epsilon, iterations):
    """Algorithm of the paper on a matrix of prototypes by images."""
    q = np.exp(values.double().numpy().T / epsilon)
    q /= q.sum()
    prototypes, images = q.shape
    for _ in range(iterations):
        for p in range(prototypes):
            q[p] /= q[p].sum() * prototypes
        for i in range(images):
            q[:, i] /= q[:, i].sum() * images
    return q.T * images


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_codes_equal_the_algorithm(iterations):
    found = sinkhorn_codes(scores(), 0.05, iterations).double().numpy()
    np.testing.assert_allclose(found, reference(scores(), 0.05, iterations), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_prototypes_are_used_equally_often():
    codes = sinkhorn_codes(scores(12), 0.5, 50)
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 3.0), rtol=1e-4, atol=1e-4)


def test_codes_follow_the_order_of_the_images_and_ignore_an_offset():
    values, order = scores(), torch.tensor([3, 0, 5, 1, 4, 2])
    codes = sinkhorn_codes(values)
    torch.testing.assert_close(sinkhorn_codes(values[order]), codes[order])
    torch.testing.assert_close(sinkhorn_codes(values + 1), codes, rtol=1e-4, atol=1e-5)


def test_large_scores_do_not_overflow():
    codes = sinkhorn_codes(1e4 * scores())
    assert codes.isfinite().all()
    torch.testing.assert_close(codes.sum(1), torch.ones(6))


def test_loss_and_gradient_equal_the_equation():
    values, codes = scores(seed=1).requires_grad_(), sinkhorn_codes(scores())
    found = swapped_prediction(values, codes, 0.1)
    wanted = 0
    for row, code in zip(values.double() / 0.1, codes.double(), strict=True):
        share = row.exp() / row.exp().sum()
        wanted = wanted - sum(q * p.log() for q, p in zip(code, share, strict=True))
    wanted = wanted / 6
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    grads = [torch.autograd.grad(loss, values)[0] for loss in (found, wanted)]
    torch.testing.assert_close(*grads)
